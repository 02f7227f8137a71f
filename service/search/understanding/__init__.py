"""The constraints in a text: price bounds, negations, and values that the catalog has."""

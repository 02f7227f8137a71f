"""What a sentence says besides what to search for: price bounds, negations, and values that the catalog has."""

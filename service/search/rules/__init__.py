"""Merchandising rules: which apply to a search, what they do to its order, and where they are kept."""

"""Exact search in memory, with an optional file."""

"""Stores: vectors and product fields, searched with a filter."""

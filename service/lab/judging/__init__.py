"""Judging by a person: the pool, the record on disk, and the page."""

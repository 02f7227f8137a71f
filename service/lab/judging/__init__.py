"""Judging by people and by models: the pool, the records on disk, the page, and how far judges agree."""

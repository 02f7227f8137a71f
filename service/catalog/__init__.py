"""Product feeds in: readers, bulk ingest, and the store of the catalogue's pictures."""

"""Product feeds in: readers, bulk ingest, and the store of the catalog's images."""

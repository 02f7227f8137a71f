"""Product feeds in: their formats and readers, bulk ingest, single products, and reindexing."""

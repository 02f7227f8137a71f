"""The running system: encoders, stores, catalog, media, search, HTTP and command line."""

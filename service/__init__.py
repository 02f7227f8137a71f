"""The running system: encoders, stores, catalog, images, search, HTTP and command line."""

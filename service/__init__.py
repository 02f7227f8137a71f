"""The running system: encoders, stores, catalogue, media, search, HTTP and command line."""

"""The catalog's images: content-addressed files, on a disk or in a bucket."""

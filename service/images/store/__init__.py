"""The catalog's images: files by the hash of their content, on a disk or in a bucket."""

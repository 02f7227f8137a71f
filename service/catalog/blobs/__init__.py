"""Where files are kept that are written once and never changed: a folder, or anything that fsspec reaches."""

from service.catalog.blobs.base import Blob, BlobStore
from service.catalog.blobs.local import LocalBlobs
from service.catalog.blobs.registry import open_blobs
from service.catalog.blobs.sealed import seal, unseal

__all__ = ["Blob", "BlobStore", "LocalBlobs", "open_blobs", "seal", "unseal"]

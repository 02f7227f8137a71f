"""Stores of immutable files: a folder, or anything that fsspec supports."""

from service.images.store.blobs.blob_store import Blob, BlobStore
from service.images.store.blobs.local import LocalBlobs
from service.images.store.blobs.schemes import open_blobs
from service.images.store.blobs.sealed import seal, unseal

__all__ = ["Blob", "BlobStore", "LocalBlobs", "open_blobs", "seal", "unseal"]

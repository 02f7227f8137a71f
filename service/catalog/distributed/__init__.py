"""Bulk ingest of millions of images on a Ray cluster, or on all cores of one machine (extra `ray`).

A Ray Data pipeline reads the feed, reads, keeps and decodes the images, and makes the vectors; finished rows stream
back to this process. They are handled by the same code as in `service.catalog.ingest`: this process assigns the row
ids, in the feed's order, compares with what is stored, and writes. So only one process has the store
open, which a local file (Milvus Lite, `exact:PATH`) demands, and no retry of Ray's can write a row twice.

Row ids cannot be given by the workers: the number of an image depends on whether those of the same product before it
were rejected, wherever they are in the feed.
"""

from service.catalog.distributed.cluster import RayOptions
from service.catalog.distributed.ingest import ingest_on_ray

__all__ = ["RayOptions", "ingest_on_ray"]

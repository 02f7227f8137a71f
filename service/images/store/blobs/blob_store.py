"""The interface of a blob store."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Blob:
    """A file that is there: its name, its size in bytes, and when it was last put (Unix time, seconds)."""

    name: str
    size: int
    modified: float


class BlobStore(Protocol):
    """Files by name. Names are relative paths with slashes, made by our own code and never by a caller of the service.

    A reader sees a whole file or none, and several processes may write at once. Picklable, for worker processes. All
    methods raise `ImageStoreUnavailable` where the place fails or does not answer.
    """

    def read(self, name: str) -> bytes:
        """The file's bytes. Raises FileNotFoundError."""
        ...

    def put(self, name: str, data: bytes, *, refresh: bool = True) -> None:
        """Keep bytes. A file that holds others, or is cut off, is rewritten.

        `refresh` makes the file count as new where it was there; without it, a remote place compares sizes alone.
        """
        ...

    def list(self) -> Iterator[Blob]:
        """All files, those of others among them, in no order; empty if there is no folder yet."""
        ...

    def delete(self, name: str, *, older_than: float = math.inf) -> bool:
        """Delete a file unless it was put since `older_than` (Unix time, seconds); whether it was deleted.

        Looks at the file right before, because it may have been put again since it was listed.
        """
        ...

    def ping(self) -> None:
        """Return if the place answers."""
        ...

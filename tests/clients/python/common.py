"""What every script here needs; each runs in an environment of its own, which has nothing of the service."""

from __future__ import annotations

import base64
import os
import struct
import zlib
from collections.abc import Sequence

URL = os.environ.get("WITHTHIS_CLIENTS_URL", "http://127.0.0.1:8000")
KEY = os.environ.get("WITHTHIS_CLIENTS_KEY", "none")
MODEL = "withthis"
DIMENSION = 576
QUERY = "a red mug"
DOCUMENTS = ["Rose mug, red", "Leopard cushion", "Sushi poster, white"]


def square(red: int, green: int, blue: int, size: int = 32) -> bytes:
    """A square of one color as PNG."""
    rows = (b"\x00" + bytes((red, green, blue)) * size) * size
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    ]
    made = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(made)


IMAGE = "data:image/png;base64," + base64.b64encode(square(200, 30, 30)).decode()


def check_vectors(vectors: Sequence[Sequence[float]], count: int) -> None:
    """As many vectors as asked for, of the right size, no two alike."""
    assert len(vectors) == count and all(len(vector) == DIMENSION for vector in vectors), vectors
    assert len({tuple(vector) for vector in vectors}) == count


def check_order(indexes: Sequence[int], count: int) -> None:
    """Every document once, or the best `count` of them."""
    assert len(set(indexes)) == len(indexes) == count, indexes

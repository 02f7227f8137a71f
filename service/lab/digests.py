"""Content hashes: when two model calls are the same call."""

import hashlib
import json
from collections.abc import Iterable

from PIL import Image

Part = str | bytes | int | float | bool | None | Image.Image


def digest(*parts: Part) -> str:
    """SHA-256 over parts of any kind, in hex. Every part is hashed with its kind and length, so that parts cannot run
    together; an image counts by mode, size and pixels.
    """
    hashed = hashlib.sha256()
    for part in parts:
        kind, data = _encoded(part)
        hashed.update(f"{kind}{len(data)}:".encode())
        hashed.update(data)
    return hashed.hexdigest()


def digest_of(values: Iterable[object]) -> str:
    """SHA-256 over plain JSON values, in hex; the order of an object's members does not count."""
    return digest(json.dumps(list(values), sort_keys=True, ensure_ascii=False, default=str))


def _encoded(part: Part) -> tuple[str, bytes]:
    match part:
        case Image.Image():
            return f"picture {part.mode} {part.size} ", part.tobytes()
        case bytes():
            return "bytes ", part
        case str():
            return "text ", part.encode("utf-8", "surrogatepass")
        case _:
            return f"{type(part).__name__} ", repr(part).encode()

"""Derived files that carry a checksum, so that damage is noticed and they are made again.

Originals are named by the hash of their bytes; what is made from them is not, so it carries its own at its end. JPEG
and WebP decoders ignore what follows an image, but the checksum is removed before the bytes are served.
"""

import hashlib

_MARK = b"\nsha256:"
_SEAL_BYTES = len(_MARK) + hashlib.sha256().digest_size


def seal(data: bytes) -> bytes:
    """The bytes followed by a mark and their SHA-256."""
    return data + _MARK + hashlib.sha256(data).digest()


def unseal(sealed: bytes) -> bytes | None:
    """The bytes that were sealed; None if they were damaged since, or never sealed."""
    data = sealed[:-_SEAL_BYTES]
    return data if data and seal(data) == sealed else None

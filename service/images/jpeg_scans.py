"""How many scans a JPEG has, without decoding it (ITU-T T.81, B.1 and B.2).

Each scan costs a pass over the whole image, so a small file with many of them can cost hours. What is inside segments
(thumbnails) or behind the end of the image (the video of a motion photo) is not part of it and is not counted.
"""

import re

_END, _SCAN = 0xD9, 0xDA
_ALONE = frozenset({0x01, 0xD8})
"""Markers without a segment: TEM and SOI."""

_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
"""Not stuffed bytes, restart markers or fill bytes, which stand inside of a scan's data."""

_MAX_SEGMENTS = 5_000


def has_more_scans(data: bytes, most: int) -> bool:
    """Whether the JPEG has more than `most` scans, or more segments than any encoder writes."""
    scans, at = 0, 0
    for _ in range(_MAX_SEGMENTS):
        found = _MARKER.search(data, at)
        if found is None or data[found.end() - 1] == _END:
            return False
        marker, at = data[found.end() - 1], found.end()
        scans += marker == _SCAN
        if scans > most:
            return True
        if marker not in _ALONE:
            at += max(2, int.from_bytes(data[at : at + 2], "big"))
    return True

"""Color profiles for tests, made by hand after ICC.1:2001-04: enough tags for a color engine, and no more."""

import struct
from collections.abc import Mapping, Sequence


def rgb_profile(description: str = "Wide") -> bytes:
    """Matrix and gamma with the primaries of Adobe RGB (1998), adapted to D50."""
    primaries = {
        b"rXYZ": (0.60974, 0.31111, 0.01947),
        b"gXYZ": (0.20528, 0.62567, 0.06087),
        b"bXYZ": (0.14919, 0.06322, 0.74457),
    }
    curves = dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), _gamma(0x0233))
    return _profile(b"RGB ", b"XYZ ", description, {name: _xyz(value) for name, value in primaries.items()} | curves)


def gray_profile(gamma: float) -> bytes:
    """Gray with another gamma than sRGB's."""
    return _profile(b"GRAY", b"XYZ ", "Gray", {b"kTRC": _gamma(round(gamma * 256))})


def cmyk_profile(cyan: tuple[int, int, int]) -> bytes:
    """A printer that prints `cyan` (Lab, 8 bits each) where it is told to use cyan alone, black for K, else white."""
    corners = [cyan if ink == 0b1000 else (0, 128, 128) if ink & 1 else (255, 128, 128) for ink in range(16)]
    ramp = bytes(range(256))
    matrix = b"".join(_fixed(1.0 if place % 4 == 0 else 0.0) for place in range(9))
    table = b"mft1" + bytes(4) + bytes((4, 3, 2, 0)) + matrix + ramp * 4 + bytes(sum(corners, ())) + ramp * 3
    return _profile(b"CMYK", b"Lab ", "Printer", {b"A2B0": table})


def _profile(space: bytes, connection: bytes, description: str, tags: Mapping[bytes, bytes]) -> bytes:
    text = description.encode("ascii") + b"\0"
    tags = {
        b"desc": b"desc" + bytes(4) + struct.pack(">I", len(text)) + text + bytes(78),
        b"wtpt": _xyz((0.9642, 1.0, 0.8249)),
        **tags,
    }
    start, table, body = 128 + 4 + 12 * len(tags), b"", b""
    for name, data in tags.items():
        table += name + struct.pack(">II", start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    device = b"prtr" if space == b"CMYK" else b"mntr"
    head = bytes(8) + b"\x02\x40\0\0" + device + space + connection + bytes(12) + b"acsp" + bytes(28)
    head += _fixed(0.9642) + _fixed(1.0) + _fixed(0.8249)
    rest = head[4:] + bytes(128 - len(head)) + struct.pack(">I", len(tags)) + table + body
    return struct.pack(">I", len(rest) + 4) + rest


def _xyz(value: Sequence[float]) -> bytes:
    return b"XYZ " + bytes(4) + b"".join(map(_fixed, value))


def _gamma(eight_bits: int) -> bytes:
    return b"curv" + bytes(4) + struct.pack(">IH", 1, eight_bits)


def _fixed(value: float) -> bytes:
    """s15Fixed16Number."""
    return struct.pack(">i", round(value * 65536))

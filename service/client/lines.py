"""Lines out of the chunks of a stream.

httpx splits texts as `str.splitlines` does, also at U+2028 and others, which JSON may hold as they are.
"""

from __future__ import annotations


class Lines:
    """Splits at line feeds alone."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, chunk: bytes) -> list[bytes]:
        """The lines that a chunk ends, without their ends."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        return lines

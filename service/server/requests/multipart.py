"""Splits multipart bodies (RFC 7578). A part is identified by its name: clients may leave out file names."""

from __future__ import annotations

import io
from dataclasses import dataclass

from multipart import MultipartError, MultipartParser, ParserLimitReached  # type: ignore[import-untyped]

from service.errors import InvalidInput

MULTIPART = "multipart/form-data"
BROKEN = "The multipart body cannot be read. Compare it with RFC 7578; the boundary is in Content-Type."
NOT_TEXT = "The part named {name} is not text in UTF-8. Send its JSON encoded as UTF-8."
TOO_MANY = "A multipart request of this route has at most {most} parts, each with short headers. Send fewer."


@dataclass(frozen=True, slots=True)
class Part:
    """One part: its name, its bytes, and the character set that it names."""

    name: str
    data: bytes
    charset: str

    @property
    def text(self) -> str:
        """The part as text. Raises InvalidInput where it is not."""
        try:
            return self.data.decode(self.charset)
        except (UnicodeDecodeError, LookupError) as error:
            raise InvalidInput(NOT_TEXT.format(name=self.name)) from error


def split_parts(raw: bytes, boundary: str, *, most: int) -> list[Part]:
    """The parts in the order in which they stand; the body is small enough to be in memory.

    Raises:
        InvalidInput: the body is not multipart, or has more than `most` parts.
    """
    if not raw:
        return []
    parser = MultipartParser(io.BytesIO(raw), boundary, part_limit=most, spool_limit=len(raw), memory_limit=len(raw))
    try:
        return [Part(part.name, part.raw, part.charset) for part in parser]
    except ParserLimitReached as error:
        raise InvalidInput(TOO_MANY.format(most=most)) from error
    except (MultipartError, ValueError) as error:
        raise InvalidInput(BROKEN) from error

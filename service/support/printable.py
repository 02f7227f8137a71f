"""Text from outside as it may be written into a log or onto a terminal.

A line end in a product's id would write a line of its own into the log, and an escape sequence in a title would move
the cursor, hide text or rename the window. Such characters are written as escapes, in the form that JSON and Python
share.
"""

from __future__ import annotations

import re

# C0 and C1 control characters and DEL; what turns the direction of text; line and paragraph separators; halves of
# surrogate pairs, which no terminal can be sent.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def printable(text: str, keep: str = "") -> str:
    """The text with every character that is not to be printed as an escape, but for those in `keep`."""
    return _UNSAFE.sub(lambda found: found[0] if found[0] in keep else _escape(found[0]), text)


def _escape(char: str) -> str:
    return _SHORT.get(char) or f"\\u{ord(char):04x}"

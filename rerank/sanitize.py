"""Untrusted text on its way into a prompt or out of a model.

Titles, the shopper's sentence and captions (an image can hold writing) all reach the prompt. They must not be
able to spell a chat token, close a data block, or look like a label of the answer format.
"""

import re
import unicodedata

__all__ = ["clean_text", "fold", "is_cut", "tidy"]

_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
"""Unicode categories of controls, format marks, surrogates, private and unassigned characters."""

_LOOKALIKES = str.maketrans("“”„‟«»【】〔〕〖〗", '""""""[][][]', "\u00ad\u200b\u200c\u200d\u2060\ufeff")
"""Quotes and brackets that NFKC leaves alone; marks without width go."""

_MARKUP = re.compile(r"<\|[^<>|]{0,64}\|>|</?[A-Za-z][\w-]{0,32}/?>")
"""Chat tokens (`<|end|>`, `<|image_1|>`) and tags (`</think>`, `<image>`)."""

_QUOTED_LABEL = re.compile(r'"(\s*[A-Za-z]\s*)"')
_HARMLESS = str.maketrans("[]<>", "()‹›")


def fold(text: str) -> str:
    """Replace look-alikes (full-width, circled, typographic) by plain characters: NFKC, then quotes and brackets."""
    return text if text.isascii() else unicodedata.normalize("NFKC", text).translate(_LOOKALIKES)


def tidy(text: str, limit: int) -> str:
    """One printable line of at most `limit` characters, without chat tokens; cut text ends in an ellipsis."""
    line = " ".join(_MARKUP.sub(" ", _visible(text)).split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def clean_text(text: str, limit: int) -> str:
    """Make untrusted text safe inside a prompt: one line, at most `limit` characters, no `<`, `>`, `[`, `]`.

    Chat tokens and tags are dropped, `[A]` becomes `(A)` and `"A"` becomes `'A'`. Only the first 8·limit
    characters are looked at, so that a huge title costs nothing.
    """
    plain = fold(_visible(text[: 8 * limit]))
    return tidy(_QUOTED_LABEL.sub(r"'\1'", _MARKUP.sub(" ", plain)).translate(_HARMLESS), limit)


def is_cut(text: str, limit: int) -> bool:
    """Whether `clean_text` leaves the end of a text out."""
    return len(text) > 8 * limit or clean_text(text, limit) != clean_text(text, 8 * limit)


def _visible(text: str) -> str:
    """Controls that separate become spaces; other invisible characters go, as they only serve to split a token."""
    if text.isprintable():
        return text
    kept = (" " if char.isspace() else char for char in text if char.isspace() or not _invisible(char))
    return "".join(kept)


def _invisible(char: str) -> bool:
    return unicodedata.category(char) in _INVISIBLE

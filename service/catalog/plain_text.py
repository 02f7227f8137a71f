"""HTML as plain text, for descriptions that shops write with an editor.

Not by `html.parser`, which takes minutes for 200,000 characters of unclosed tags; this reads every character once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape

_IS_HTML = re.compile(r"<(?:/?[a-z][a-z0-9]*[\s/>]|!)|&(?:[a-z]+|#[0-9]+|#x[0-9a-f]+);", re.I)
_TAG = re.compile(r"""<!--|<[!?][^<>]*+>|<(?P<end>/?)(?P<name>[a-z][a-z0-9]*+)(?:[^<>"']|"[^"]*+"|'[^']*+')*+>""", re.I)
_UNSEEN = frozenset({"script", "style", "head", "template", "noscript", "iframe", "object", "svg"})
_BLOCKS = frozenset(
    [
        "address",
        "article",
        "aside",
        "blockquote",
        "br",
        "dd",
        "div",
        "dl",
        "dt",
        "fieldset",
        "figcaption",
        "figure",
        "footer",
        "form",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "li",
        "main",
        "nav",
        "ol",
        "p",
        "pre",
        "section",
        "table",
        "tbody",
        "tfoot",
        "thead",
        "tr",
        "ul",
    ]
)
_CELLS = frozenset({"td", "th"})
MAX_HTML_CHARS = 200_000
"""Characters that are read; of a description's text, 10,000 are kept."""


def plain_text(text: str) -> str:
    """The text that a reader sees: no tags, scripts and comments, entities as characters, a line for each block.

    A text without markup stays as it is. "a < b" is text.
    """
    if _IS_HTML.search(text) is None:
        return text
    seen = "".join(_pieces(text[:MAX_HTML_CHARS]))
    lines = (" ".join(line.split()) for line in seen.split("\n"))
    return "\n".join(line for line in lines if line)


def _pieces(text: str) -> Iterator[str]:
    place = 0
    while (tag := _TAG.search(text, place)) is not None:
        yield _characters(text[place : tag.start()])
        name = (tag["name"] or "").lower()
        yield "\n" if name in _BLOCKS else " " if name in _CELLS else ""
        place = _behind(text, tag, name)
    yield _characters(text[place:])


def _behind(text: str, tag: re.Match[str], name: str) -> int:
    """Where the text goes on: behind the tag, or behind what a browser does not show, which may never end."""
    if tag[0] == "<!--":
        end = text.find("-->", tag.end())
        return end + 3 if end >= 0 else len(text)
    if name not in _UNSEEN or tag["end"]:
        return tag.end()
    closing = re.compile(f"</{name}", re.I).search(text, tag.end())
    return closing.start() if closing is not None else len(text)


def _characters(text: str) -> str:
    return unescape(text.replace("\r", " ").replace("\n", " "))

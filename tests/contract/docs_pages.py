"""The pages of the documentation: their fenced blocks, links, headings and the commands in their text.

A comment before a block says what it is, where it is not simply run:

    <!-- not run: why -->        only its options and settings are checked
    <!-- fails: WORDS -->        it fails, and prints these words
    <!-- file: PATH -->          the file that the text tells the reader to write
    <!-- send: POST /v1/… -->    JSON that the service must accept
    <!-- answer: SearchOut -->   JSON that the service answers, perhaps shortened
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = (
    *(ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")),
    *sorted((ROOT / "docs").glob("*.md")),
)

_MARK = re.compile(r"<!-- (?P<kind>not run|fails|file|send|answer): (?P<what>.+) -->")
_FENCE = re.compile(r"```(?P<language>\S*)$")
_LINK = re.compile(r"\]\((?P<target>[^)\s]+)\)|(?:src|href)=\"(?P<address>[^\"]+)\"")
_CODE = re.compile(r"`([^`\n]+)`")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block, the line it begins on, and the comment before it: its kind and what it says."""

    page: Path
    line: int
    language: str
    text: str
    kind: str | None = None
    what: str = ""

    @property
    def place(self) -> str:
        """For messages."""
        return f"{self.page.name}:{self.line}"


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page in their order. AssertionError for one that is never closed."""
    found: list[Block] = []
    lines = enumerate(page.read_text("utf-8").splitlines(), start=1)
    mark: re.Match[str] | None = None
    for number, line in lines:
        if fence := _FENCE.match(line):
            text = "".join(f"{inner}\n" for inner in _until_closed(lines, f"{page.name}:{number}"))
            kind, what = (mark["kind"], mark["what"]) if mark else (None, "")
            found.append(Block(page, number, fence["language"], text, kind, what))
        if line.strip():
            mark = _MARK.fullmatch(line.strip())
    return found


def _until_closed(lines: Iterator[tuple[int, str]], place: str) -> Iterator[str]:
    for _, line in lines:
        if line == "```":
            return
        yield line
    raise AssertionError(f"{place}: the block is never closed")


def prose(page: Path) -> str:
    """The page without its blocks and comments."""
    text = re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)


def links(page: Path) -> list[str]:
    """Where the page leads, and the images that it shows."""
    return [found["target"] or found["address"] for found in _LINK.finditer(re.sub(_CODE, "", prose(page)))]


def anchors(page: Path) -> set[str]:
    """The names under which GitHub reaches the page's headings."""
    titles = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    plain = (re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", title) for title in titles)
    return {re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-") for title in plain}


def inline_code(page: Path) -> list[str]:
    """What stands between backticks in the text."""
    return _CODE.findall(prose(page))

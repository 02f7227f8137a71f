"""`RESULTS.md`: one section for each table, replaced when that table is measured again; the others stay."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from service.support.whole_file import write_whole

HEAD = """# Results

Written by `make bench`, table by table; what each measures is in [README.md](README.md). Times of different machines
do not compare, ratios within a table do.
"""
_SECTION = re.compile(r"^## (?P<name>\S+)$\n(?P<body>.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)


class Results:
    """The file, read once and written whenever a table is done."""

    def __init__(self, path: Path, order: Sequence[str]) -> None:
        """`order`: names of the tables as the file shall have them; sections by other names follow them."""
        self._path, self._order = path, order
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        self._sections = {found["name"]: found["body"].strip() for found in _SECTION.finditer(text)}

    def has(self, name: str, stamp: str) -> bool:
        """Whether this table was measured under this stamp: day, size, machine and versions."""
        return self._sections.get(name, "").startswith(f"{stamp}\n")

    def put(self, name: str, stamp: str, body: str) -> None:
        """Replace the table's section, and the file at once, so that a run can be broken off after any table."""
        self._sections[name] = f"{stamp}\n{body}".strip()
        names = [one for one in self._order if one in self._sections]
        names += [one for one in self._sections if one not in self._order]
        text = "\n".join([HEAD, *(f"## {one}\n\n{self._sections[one]}\n" for one in names)])
        self._path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(self._path, text.encode(), mode=None)

"""Lines of a search log for tests, and logs of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from service.search.online.log_reader import SearchLog

Row = dict[str, Any]
_NOBODY = dict.fromkeys(("engine", "strategy", "prompt", "candidates", "fusion_weight", "fusion_method"))


def search(
    number: int,
    order: Sequence[str],
    *,
    query: Mapping[str, Any] | str = "a mug",
    shown: int | None = None,
    offset: int = 0,
    session: str | None = None,
    day: int = 1,
    b: Sequence[str] | None = None,
    teams: str | None = None,
    a: Sequence[str] | None = None,
) -> Row:
    """A search; of retrieval alone unless `b` and `teams` say that it was interleaved."""
    return {
        "kind": "search",
        "id": f"{number:032x}",
        "time": f"2026-01-{day:02}T00:00:00Z",
        "session": session,
        "query": {"text": query} if isinstance(query, str) else query,
        "encoder": {"id": "e", "fingerprint": "f"},
        "a": {**_NOBODY, "order": list(a or order)},
        "b": None if b is None else {**_NOBODY, "order": list(b)},
        "order": list(order),
        "teams": teams,
        "shown": len(order) if shown is None else shown,
        "offset": offset,
    }


def event(number: int, product: str, kind: str = "click") -> Row:
    """Something that was done with a product of the search of this number."""
    row = {"kind": "feedback", "time": "2026-01-20T00:00:00Z", "event": kind}
    return {**row, "query_id": f"{number:032x}", "product_id": product}


def log_of(folder: Path, rows: Sequence[Row | str]) -> SearchLog:
    """A log of these lines."""
    folder.mkdir(exist_ok=True)
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    (folder / "log.jsonl").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return SearchLog(folder)

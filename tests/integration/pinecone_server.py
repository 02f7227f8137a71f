"""A stand-in for Pinecone: the part of its documented REST API that the store uses, over a dictionary.

The index is described in the shapes of API version 2026-07, the rows in those of the vectors API. Filters are computed
by `holds`, which refuses what the documentation of the filter language does not know.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np

API_KEY = "pcsk_test"
MAX_LIST = 100
_ORDER: Mapping[str, Callable[[Any, Any], bool]] = {
    "$gt": lambda a, b: a > b,
    "$gte": lambda a, b: a >= b,
    "$lt": lambda a, b: a < b,
    "$lte": lambda a, b: a <= b,
}


def holds(condition: Mapping[str, Any], metadata: Mapping[str, Any], *, missing_is_unequal: bool = True) -> bool:
    """Pinecone's filter language. Its documentation leaves open whether `$ne` and `$nin` match a missing field."""
    [(name, wanted)] = condition.items()
    if name in {"$and", "$or"}:
        parts = [holds(part, metadata, missing_is_unequal=missing_is_unequal) for part in wanted]
        return all(parts) if name == "$and" else any(parts)
    [(operator, value)] = wanted.items()
    stored = metadata.get(name)
    if operator == "$exists":
        return (stored is not None) is bool(value)
    if operator in _ORDER:
        assert isinstance(value, int | float) and not isinstance(value, bool), "order is for numbers"
        return isinstance(stored, int | float) and not isinstance(stored, bool) and _ORDER[operator](stored, value)
    items = stored if isinstance(stored, list) else [stored]
    values = value if operator in {"$in", "$nin"} else [value]
    assert operator in {"$eq", "$ne", "$in", "$nin"}, operator
    assert all(isinstance(one, str | int | float) for one in values)
    if stored is None:
        return operator in {"$ne", "$nin"} and missing_is_unequal
    found = any(a == b and (type(a) is type(b) or _numbers(a, b)) for a in items for b in values)
    return found == (operator in {"$eq", "$in"})


def _numbers(*values: Any) -> bool:
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)


def check_metadata(metadata: Mapping[str, Any]) -> None:
    """What metadata may be: flat, of texts, numbers, booleans and lists of texts, and of 40 KB at most."""
    assert len(json.dumps(metadata, ensure_ascii=False).encode()) <= 40 * 1024
    for name, value in metadata.items():
        assert not name.startswith("$")
        listed = isinstance(value, list) and all(isinstance(item, str) for item in value)
        assert listed or isinstance(value, str | int | float | bool), name


class Cloud:
    """Indexes by name, and their rows by namespace and id."""

    def __init__(self) -> None:
        self.indexes: dict[str, dict[str, Any]] = {}
        self.rows: dict[str, dict[str, dict[str, Any]]] = {}
        self.asked: list[str] = []
        self.failure: int | None = None
        self.host = ""

    def answer(self, method: str, path: str, query: Mapping[str, list[str]], body: Any) -> tuple[int, Any]:
        """One request."""
        self.asked.append(f"{method} {path}")
        if path == "/indexes" and method == "POST":
            return 201, self._create(body)
        if path.startswith("/indexes/"):
            found = self.indexes.get(path.removeprefix("/indexes/"))
            return (200, found) if found else (404, {"error": {"code": "NOT_FOUND", "message": "no"}, "status": 404})
        handler: Callable[[Any], Any] = getattr(self, path.strip("/").replace("/", "_"))
        return 200, handler(body if method == "POST" else query)

    def _create(self, body: Any) -> Any:
        [vector] = body["schema"]["fields"].values()
        assert vector["metric"] == "cosine" and all(len(value) <= 120 for value in body["tags"].values())
        state = {"status": {"ready": True, "state": "Ready"}, "host": self.host, "deletion_protection": "disabled"}
        self.indexes[body["name"]] = {**body, **state}
        return self.indexes[body["name"]]

    def vectors_upsert(self, body: Any) -> Any:
        space = self.rows.setdefault(body["namespace"], {})
        assert len(body["vectors"]) <= 1000
        for vector in body["vectors"]:
            assert vector["id"].isascii() and 0 < len(vector["id"]) <= 512
            check_metadata(vector["metadata"])
            space[vector["id"]] = vector
        return {"upsertedCount": len(body["vectors"])}

    def query(self, body: Any) -> Any:
        assert 1 <= body["topK"] <= 10_000
        rows = self.rows.get(body.get("namespace", ""), {}).values()
        kept = [row for row in rows if "filter" not in body or holds(body["filter"], row["metadata"])]
        scored = [(float(np.dot(row["values"], body["vector"])), row) for row in kept]
        scored.sort(key=lambda pair: -pair[0])
        matches = [{"id": row["id"], "score": score, "metadata": row["metadata"]} for score, row in scored]
        return {"matches": matches[: body["topK"]], "namespace": body.get("namespace", "")}

    def vectors_fetch(self, query: Mapping[str, list[str]]) -> Any:
        space = self.rows.get(query["namespace"][0], {})
        return {"vectors": {id: space[id] for id in query["ids"] if id in space}, "namespace": query["namespace"][0]}

    def vectors_list(self, query: Mapping[str, list[str]]) -> Any:
        """In the order of bytes; the token is where the next page begins."""
        limit = int(query["limit"][0])
        assert limit <= MAX_LIST
        prefix, token = query.get("prefix", [""])[0], query.get("paginationToken", [""])[0]
        ids = sorted(id for id in self.rows.get(query["namespace"][0], {}) if id.startswith(prefix) and id >= token)
        more = {"pagination": {"next": ids[limit]}} if len(ids) > limit else {}
        return {"vectors": [{"id": id} for id in ids[:limit]], "namespace": query["namespace"][0], **more}

    def vectors_delete(self, body: Any) -> Any:
        assert len(body["ids"]) <= 1000
        for id in body["ids"]:
            self.rows.get(body["namespace"], {}).pop(id, None)
        return {}

    def describe_index_stats(self, _: Any) -> Any:
        counts = {name: {"vectorCount": len(rows)} for name, rows in self.rows.items()}
        total = sum(len(rows) for rows in self.rows.values())
        return {"namespaces": counts, "dimension": 8, "indexFullness": 0.0, "totalVectorCount": total}


@contextmanager
def pinecone_server() -> Iterator[Cloud]:
    """A cloud at `http://` and its `host`."""
    cloud = Cloud()

    class Handler(BaseHTTPRequestHandler):
        def _handle(self) -> None:
            raw = self.rfile.read(int(self.headers.get("content-length") or 0))
            url = urlsplit(self.path)
            if self.headers.get("api-key") != API_KEY:
                status, answer = 401, {"error": {"code": "UNAUTHENTICATED", "message": "secret words"}, "status": 401}
            elif cloud.failure is not None:
                status, answer = cloud.failure, {"message": "secret words"}
            else:
                status, answer = cloud.answer(
                    self.command, url.path, parse_qs(url.query), json.loads(raw) if raw else {}
                )
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            pass

    for verb in ("GET", "POST", "PATCH", "DELETE"):
        setattr(Handler, f"do_{verb}", Handler._handle)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    cloud.host = f"127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield cloud
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)

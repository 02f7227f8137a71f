"""No catalog is seen or changed through another one's key, path, cursor, image, product, filter, facet or rule.

Every route of the application's own table is tried, so that a new one is covered, too. What is looked for: anything
that names the other catalog, an answer that differs from that to the same request about something made up, and any
change of the other catalog.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from litestar.testing import TestClient

from service.server.access.api_keys import hash_key
from service.server.access.auth import declared
from service.server.requests.cursor import to_cursor
from tests.contract.test_auth import bearer, routes
from tests.several_catalogs import SeveralCatalogs, several_catalogs

Client = TestClient[Any]
NAMES = ("default", "walrus", "ferret")
NOBODY = "nobody"
"""A catalog that is not there; its name is as long as the others'."""
SCOPES = ("search", "write", "admin")
KEYS = [
    {"name": f"{name}-{scope}", "sha256": hash_key(f"wt_{name}_{scope}"), "scopes": [scope], "catalogs": [name]}
    for name in NAMES
    for scope in SCOPES
]
MASTER = "wt_master"
PAIRS = list(itertools.permutations(NAMES, 2))
BY_NAME = "/v1/catalogs/{catalog}"
PRODUCT = {"id": "new", "title": "New", "category": "c", "price": 1.0}
BODIES: dict[tuple[str, str], dict[str, Any]] = {
    ("POST", "/search"): {"text": "a thing", "facets": ["brand"]},
    ("POST", "/search/stream"): {"text": "a thing"},
    ("PUT", "/products"): PRODUCT,
    ("PATCH", "/products/{product_id}"): {"title": "Changed"},
    ("POST", "/deletions"): {"filter": {"price": {"gte": 0}}},
    ("POST", "/feedback"): {"query_id": "0" * 32, "product_id": "a", "event": "click"},
    ("PUT", "/rules"): {"rules": []},
}
"""Requests that a key of the catalog itself would be allowed; for other routes, an empty object."""


@dataclass
class Tried:
    """The service under attack, and what has been tried."""

    client: Client
    mall: SeveralCatalogs
    trials: int = 0
    leaks: list[str] = field(default_factory=list)

    def ask(self, method: str, path: str, secret: str, **options: Any) -> httpx.Response:
        headers = {**bearer(secret), "Accept": "application/json, text/event-stream"}
        return self.client.request(method, path, headers=headers, **options)

    def judge(self, ok: object, *what: object) -> None:
        self.trials += 1
        if not ok:
            self.leaks.append(" ".join(map(str, what)))

    def keys_of(self, name: str) -> list[str]:
        return sorted(row.product.image_key for row in self.mall.stores[name].rows.values())

    def canaries(self, name: str) -> list[bytes]:
        """What shows a catalog: words that hold its name, and the keys of its images. "default" is a common word."""
        words = [name] if name != "default" else [f"{name}-{n}" for n in range(6)] + [f"of {name}"]
        return [word.encode() for word in (*words, *self.keys_of(name))]

    def shows(self, response: httpx.Response, name: str) -> bool:
        told = response.content + str(response.headers).encode()
        return any(canary in told for canary in self.canaries(name))

    def state(self) -> dict[str, Any]:
        """Everything that a catalog keeps."""
        files = {str(path): path.read_bytes() for path in self.mall.settings.data_dir.rglob("*") if path.is_file()}
        rows = {name: {id: row.content_hash for id, row in store.rows.items()} for name, store in self.stores()}
        return {"rows": rows, "files": {name: data for name, data in files.items() if "log" not in name}}

    def stores(self) -> Iterator[tuple[str, Any]]:
        yield from self.mall.stores.items()


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tried]:
    keys = [*KEYS, {"name": "master", "sha256": hash_key(MASTER), "scopes": ["admin"]}]
    mall = several_catalogs(tmp_path_factory.mktemp("mall"), NAMES[1:], api_keys=keys, mcp=True)
    with mall.client() as client:
        yield Tried(client, mall)


def path_of(catalog: str) -> str:
    return "/v1" if catalog == "default" else f"/v1/catalogs/{catalog}"


def everywhere(tried: Tried, catalog: str, path: str) -> list[str]:
    """The paths of a route of a catalog: that by its name and, of the default one, that without a name."""
    by_name = f"/v1/catalogs/{catalog}"
    if catalog != "default":
        return [by_name]
    return [by_name, "" if path in {path for _, path, _ in templates(tried)} else "/v1"]


def templates(tried: Tried) -> list[tuple[str, str, Any]]:
    """Method, path and handler of each route; path parameters without their types."""
    found = ((re.sub(r":\w+\}", "}", path), method, handler) for path, method, handler in routes(tried.client))
    return [(method, path, handler) for path, method, handler in found]


def of_a_catalog(tried: Tried) -> list[tuple[str, str]]:
    """Method and path behind that of the catalog."""
    return [(method, path.removeprefix(BY_NAME)) for method, path, _ in templates(tried) if path.startswith(BY_NAME)]


def filled(path: str, name: str, image: str) -> str:
    return re.sub(r"\{[^}]*\}", "a", path.replace("{product_id}", f"{name}-3").replace("{key}", image))


def same(first: httpx.Response, second: httpx.Response, name: str) -> bool:
    """Whether two answers are alike, but for what was asked about."""
    return first.status_code == second.status_code and _plain(first, name) == _plain(second, NOBODY)


def _plain(response: httpx.Response, name: str) -> str:
    text = response.text.replace(name, "…")
    return re.sub(r'\\?"(id|search_id)\\?": ?\\?"[0-9a-f]{32}\\?"|"timings_ms":\{[^}]*\}', "", text)


def test_every_route_of_a_catalog_is_also_below_its_name(tried: Tried) -> None:
    below = of_a_catalog(tried)
    assert len(below) >= 13
    default = {(method, path.removeprefix("/v1")) for method, path, _ in templates(tried)}
    assert set(below) <= default


def finds_none_there(tried: Tried, mine: str, theirs: str) -> None:
    """Below the other one's path, and by the other one's ids: as if that catalog were not there at all."""
    before, image = tried.state(), tried.keys_of(theirs)[0]
    for (method, path), scope in itertools.product(of_a_catalog(tried), SCOPES):
        body: dict[str, Any] = {"json": BODIES.get((method, path), {})} if method in {"POST", "PUT", "PATCH"} else {}
        parameters = {"confirm": "all-products"} if (method, path) == ("DELETE", "/products") else {}
        secret, there = f"wt_{mine}_{scope}", filled(path, theirs, image)
        answers = [
            tried.ask(method, f"{base}{there}", secret, params=parameters, **body)
            for base in everywhere(tried, theirs, path)
        ]
        none = tried.ask(method, f"/v1/catalogs/{NOBODY}{there}", secret, params=parameters, **body)
        assert none.status_code in {403, 404}
        for answer in answers:
            told = tried.shows(answer, theirs) or not same(answer, none, theirs)
            tried.judge(not told, method, answer.url, secret, answer.status_code)
    assert tried.leaks == [] and tried.state() == before


def tool(name: str, **arguments: Any) -> dict[str, Any]:
    """A call of a tool for agents."""
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": name, "arguments": arguments}}
    return {"json": call}


def by_reference(theirs: str, image: str, after: str, query_id: str) -> list[tuple[str, str, dict[str, Any]]]:
    """Requests to one's own catalog that speak of something in another one."""
    id, search = f"{theirs}-3", {"text": "a thing", "limit": 100, "facets": ["brand", "category"]}
    about = {"brand": {"eq": f"brand of {theirs}"}}
    searches: list[dict[str, Any]] = [
        {**search, "image": {"product_id": id}},
        {**search, "filter": about},
        {**search, "filter": {"category": {"eq": f"category of {theirs}"}}},
        {**search, "sort": [{"field": "price", "order": "asc"}], "filter": about},
        {**search, "text": None, "image": {"product_id": id}, "rerank": {"enabled": False}},
        {**search, "images": [{"product_id": id, "weight": 2.0}]},
        {**search, "negative_image": {"product_id": id}},
        {**search, "filter": about, "group_by": {"field": "brand"}},
    ]
    return [
        *(("POST", path, {"json": body}) for path in ("/search", "/search/stream") for body in searches),
        ("POST", "/search/batch", {"json": {"searches": searches}}),
        ("GET", f"/products/{id}", {}),
        ("PATCH", f"/products/{id}", {"json": {"price": 2.0}}),
        ("DELETE", f"/products/{id}", {}),
        ("GET", "/products", {"params": {"filter": json.dumps(about)}}),
        ("GET", "/products", {"params": {"cursor": to_cursor(after)}}),
        ("PUT", "/products", {"json": {**PRODUCT, "id": id}}),
        ("DELETE", f"/products/{id}", {}),
        ("GET", "/export", {"params": {"filter": json.dumps(about), "vectors": True}}),
        ("POST", "/deletions", {"json": {"filter": about}}),
        ("POST", "/deletions", {"json": {"filter": about, "dry_run": True}}),
        ("POST", "/feedback", {"json": {"query_id": query_id, "product_id": id, "event": "click"}}),
        ("GET", f"/images/{image}", {}),
        ("POST", "/mcp", tool("get_product", product_id=id)),
        ("POST", "/mcp", tool("similar_products", product_id=id)),
        ("POST", "/mcp", tool("search_products", text="a thing", filter=about)),
        ("GET", f"/images/{image}", {"params": {"size": 128}}),
    ]


def knows_nothing_of_them(tried: Tried, mine: str, theirs: str) -> None:
    search = {"text": "a thing", "limit": 2, "rerank": {"enabled": False}}
    found = tried.ask("POST", f"{path_of(theirs)}/search", MASTER, json=search).json()
    before, secret, image = tried.state(), f"wt_{mine}_admin", tried.keys_of(theirs)[0]
    real = by_reference(theirs, image, f"{theirs}-3#0", found["id"])
    fiction = by_reference(NOBODY, "0" * 64 + ".png", f"{theirs}-3#9", "0" * 32)
    for (method, path, options), (_, other, others) in zip(real, fiction, strict=True):
        base = f"/v1/catalogs/{mine}"
        answer = tried.ask(method, base + path, secret, **options)
        none = tried.ask(method, base + other, secret, **others)
        assert none.status_code != 405, (method, path)
        tried.judge(same(answer, none, theirs), method, path, options, answer.status_code, none.status_code)
        tried.judge(f"Thing of {theirs}".encode() not in answer.content, method, path)
    continued = tried.ask("POST", f"{path_of(mine)}/search", secret, json={**search, "cursor": found["next_cursor"]})
    tried.judge(continued.status_code == 400, "a cursor of another catalog")
    assert tried.leaks == [] and tried.state() == before


def is_told_of_none(tried: Tried, mine: str, theirs: str) -> None:
    for method, path, handler in templates(tried):
        if path.startswith(BY_NAME) or (declared(handler) != "public" and method != "GET"):
            continue
        answer = tried.ask(method, filled(path, NOBODY, "0" * 64 + ".png"), f"wt_{mine}_admin")
        tried.judge(not tried.shows(answer, theirs), method, path, answer.status_code)
    for scope in ("search", "admin"):
        listed = tried.ask("GET", "/v1/catalogs", f"wt_{mine}_{scope}").json()["catalogs"]
        tried.judge([one["name"] for one in listed] == [mine], listed)
    tried.judge("rows" in tried.ask("GET", "/readyz", f"wt_{mine}_admin").text, "readyz")
    assert tried.ask("GET", "/metrics", f"wt_{mine}_admin").status_code == 403
    assert tried.leaks == []


def gets_nothing_by_a_rule(tried: Tried, mine: str, theirs: str) -> None:
    secret, base = f"wt_{mine}_admin", path_of(mine)
    rules = tried.ask("GET", f"{base}/rules", secret)
    tried.judge(not tried.shows(rules, theirs), "rules")
    pinned = {"rules": [{"name": "pinned", "pin": [{"product_id": f"{theirs}-1", "position": 1}]}]}
    assert tried.ask("PUT", f"{base}/rules", secret, json=pinned).status_code == 200
    found = tried.ask("POST", f"{base}/search", secret, json={"text": "a thing"})
    tried.judge(found.status_code == 200 and not tried.shows(found, theirs), found.text)
    assert tried.ask("PUT", f"{base}/rules", secret, json=rules.json()).status_code == 200
    assert tried.leaks == []


def test_nothing_of_another_catalog_is_seen_or_changed(tried: Tried) -> None:
    for mine, theirs in PAIRS:
        for attack in (finds_none_there, knows_nothing_of_them, is_told_of_none, gets_nothing_by_a_rule):
            attack(tried, mine, theirs)
    assert tried.trials >= 500


@pytest.mark.parametrize("name", NAMES)
def test_each_key_searches_its_own(tried: Tried, name: str) -> None:
    for base in {path_of(name), f"/v1/catalogs/{name}"}:
        found = tried.ask("POST", f"{base}/search", f"wt_{name}_search", json={"text": "a thing"}).json()["results"]
        assert found and {one["product"]["title"] for one in found} == {f"Thing of {name}"}
        url = found[0]["product"]["image_url"]
        assert url.startswith(f"{path_of(name)}/images/")
        assert tried.ask("GET", url, f"wt_{name}_search").status_code == 200


def test_who_has_no_key_is_told_of_no_catalog(tried: Tried) -> None:
    for headers in ({}, bearer("wt_wrong"), bearer("")):
        told = tried.client.get("/readyz", headers=headers)
        assert (told.status_code, told.json()["catalogs"], told.json()["rows"]) == (200, [], None)
        assert tried.client.get("/v1/catalogs", headers=headers).status_code == 401
    pages = {tried.client.get(f"/catalogs/{name}/").text for name in (*NAMES, NOBODY)}
    assert len(pages) == 1


def test_a_key_that_is_not_bound_opens_all_and_names_none_that_is_not_there(tried: Tried) -> None:
    assert [one["name"] for one in tried.ask("GET", "/v1/catalogs", MASTER).json()["catalogs"]] == list(NAMES)
    assert tried.ask("GET", "/metrics", MASTER).status_code == 200
    for name in NAMES:
        assert tried.ask("GET", f"/v1/catalogs/{name}/products", MASTER).status_code == 200
    refused = tried.ask("GET", f"/v1/catalogs/{NOBODY}/products", MASTER)
    assert (refused.status_code, refused.json()["type"]) == (404, "urn:withthis:problem:unknown-catalog")

"""`/v1/products` over HTTP: every form of a request, what becomes of each product, and that bad ones cost no others."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from httpx import Response
from litestar.testing import TestClient

from service.errors import StoreUnavailable
from tests.conftest import open_client
from tests.contract.test_errors import assert_problem
from tests.fakes import Shop, make_shop, png

Client = TestClient[Any]
LINES = {"Content-Type": "application/x-ndjson"}


def image_body(colour: str) -> dict[str, str]:
    return {"data": "data:image/png;base64," + base64.b64encode(png(colour)).decode()}


def product(id: str, *colours: str, **fields: object) -> dict[str, Any]:
    images = {"images": [image_body(colour) for colour in colours]} if colours else {}
    return {"id": id, **images, **fields}


def put(client: Client, body: object) -> Any:
    response = client.put("/v1/products", json=body)
    assert response.status_code == 200, response.text
    return response.json()


def statuses(answer: Any) -> list[str]:
    return [result["status"] for result in answer["results"]]


def test_a_product_is_created_read_found_and_deleted(shop: Shop, client: Client) -> None:
    sent = product("n/1 🐆", "red", "blue", title="New", category="mug", price=3, attributes={"a": [1, "x"]})
    assert statuses(put(client, sent)) == ["created"]
    found = client.get("/v1/products/n%2F1%20%F0%9F%90%86").json()
    assert {name: found[name] for name in ("id", "title", "category", "price", "attributes")} == {
        **{name: sent[name] for name in ("id", "title", "category", "attributes")},
        "price": 3.0,
    }
    assert len(found["image_urls"]) == 2 and found["image_url"] == found["image_urls"][0]
    assert client.get(found["image_urls"][1]).content == png("blue")
    search = client.post("/v1/search", json={"image": image_body("blue"), "limit": 1, "rerank": {"enabled": False}})
    assert search.json()["results"][0]["product"]["id"] == "n/1 🐆"
    assert client.delete("/v1/products/n%2F1%20%F0%9F%90%86").status_code == 204
    for gone in (client.get("/v1/products/n%2F1%20%F0%9F%90%86"), client.delete("/v1/products/nobody")):
        assert gone.status_code == 404
        assert_problem(gone)
    assert shop.store.count() == 20


def test_the_same_again_changes_nothing_and_encodes_nothing(shop: Shop, client: Client) -> None:
    sent = product("n", "red", "blue", title="New")
    put(client, sent)
    before, seen = dict(shop.store.rows), len(shop.encoder.seen)
    assert statuses(put(client, sent)) == ["unchanged"]
    assert shop.store.rows == before and len(shop.encoder.seen) == seen


def test_new_fields_keep_vectors_and_fewer_images_drop_rows(shop: Shop, client: Client) -> None:
    put(client, product("n", "red", "blue", "green"))
    seen = len(shop.encoder.seen)
    assert statuses(put(client, product("n", title="Only the title"))) == ["updated"]
    assert len(client.get("/v1/products/n").json()["image_urls"]) == 3
    vector = shop.store.get("n")[1].vector
    assert statuses(put(client, product("n", "blue"))) == ["updated"]
    assert [row.id for row in shop.store.get("n")] == ["n#0"]
    assert (shop.store.rows["n#0"].vector == vector).all()
    assert len(shop.encoder.seen) == seen
    assert {query.role for query in shop.encoder.seen} == {"document"}


def test_bad_items_are_reported_and_the_others_stored(shop: Shop, client: Client) -> None:
    answer = put(
        client,
        [
            product("good", "red"),
            product("no picture"),
            product("half", "blue", title="bad second picture") | {"images": [image_body("red"), {"data": "data:,x"}]},
            product("p1", title="known, so its pictures are kept"),
            {"id": " padded", "images": [image_body("red")]},
            {"id": "field", "colour": "red"},
            "text",
            product("twice", "red", "red"),
            {"id": "both", "images": [{"data": "x", "url": "http://a/b"}]},
            {"id": "url", "images": [{"url": "http://127.0.0.1/a.png"}]},
            product("good", "red", title="later"),
        ],
    )
    assert statuses(answer) == ["created", *["rejected"] * 2, "updated", *["rejected"] * 6, "updated"]
    assert {name: answer[name] for name in ("created", "updated", "unchanged", "rejected")} == {
        "created": 1,
        "updated": 2,
        "unchanged": 0,
        "rejected": 8,
    }
    for result in answer["results"]:
        assert (result["error"] is None) == (result["status"] != "rejected")
        if result["error"]:
            assert result["error"]["type"].startswith("urn:withthis:problem:") and result["error"]["detail"]
    assert shop.store.get("half") == []  # its good image is not stored either
    assert client.get("/v1/products/good").json()["title"] == "later"


def test_a_product_sent_alone_is_answered_with_its_error(client: Client) -> None:
    for body, status, kind in (
        (product("n"), 400, "invalid-value"),
        ({"id": "n", "images": [{"data": "data:image/png;base64,AAAA"}]}, 422, "not-an-image"),
        ({"id": "n", "colour": 1}, 400, "unknown-field"),
        ({"id": "n", "price": -1}, 400, "invalid-value"),
        ({"id": "n", "price": "3"}, 400, "invalid-value"),
        ({"id": "n", "attributes": {"a": {}}}, 400, "invalid-value"),
        ({"id": "n", "images": []}, 400, "invalid-value"),
    ):
        response = client.put("/v1/products", json=body)
        assert (response.status_code, response.json()["type"]) == (status, f"urn:withthis:problem:{kind}"), body
        assert_problem(response)


def test_multipart_takes_images_as_files(client: Client) -> None:
    images = [("image", ("a.png", png("red"))), ("image", ("b.png", png("blue")))]
    files: list[tuple[str, Any]] = [("product", (None, '{"id": "m"}')), *images]
    assert statuses(client.put("/v1/products", files=files).json()) == ["created"]
    nameless = [(name, (None, content[-1])) for name, content in files]
    assert statuses(client.put("/v1/products", files=nameless).json()) == ["unchanged"]
    assert len(client.get("/v1/products/m").json()["image_urls"]) == 2
    wrongs: list[list[tuple[str, Any]]] = [
        [("image", ("a.png", png()))],
        [*files, ("product", (None, "{}"))],
        [*files, ("other", (None, "x"))],
        [("product", (None, '{"id": "m"}')), ("image", (None, "text"))],
        [("product", (None, b"\xff")), ("image", (None, png()))],
    ]
    for wrong in wrongs:
        assert_problem(client.put("/v1/products", files=wrong))


def test_lines_come_in_any_number_and_each_is_judged_alone(tmp_path: Path) -> None:
    def lines() -> Iterator[bytes]:
        for number in range(40):
            line = json.dumps(product(f"n{number}", "red", title="x" * 500)).encode()
            yield line[:300]
            yield line[300:] + (b"\n\n" if number % 2 else b"\r\n")
        yield b"{broken\n"
        yield b'{"id": "p1", "title": "last, without a line end"}'

    with open_client(make_shop(tmp_path, max_body_bytes=16 * 1024, max_feed_bytes=2**20)) as client:
        response = client.put("/v1/products", content=lines(), headers=LINES)
        answer = response.json()
        assert (answer["created"], answer["updated"], answer["rejected"]) == (40, 1, 1)
        assert answer["results"][40]["status"] == "rejected"
        long = client.put("/v1/products", content=b"a" * 20_000, headers=LINES)
        assert long.status_code == 413
        many = client.put("/v1/products", content=(b"{}\n" * 1000 for _ in range(400)), headers=LINES)
        assert many.status_code == 413
        for kind in ("application/json", "multipart/form-data; boundary=x"):
            body = (b"a" * 1024 for _ in range(64))
            unbounded = client.put("/v1/products", content=body, headers={"Content-Type": kind})
            assert unbounded.status_code == 413
            assert_problem(unbounded)
        assert client.put("/v1/products", content=b"", headers=LINES).json()["results"] == []


def test_lines_with_a_byte_order_mark_lose_no_product(client: Client) -> None:
    """The first three bytes may come one by one."""
    lines = b"\xef\xbb\xbf" + b"\n".join(json.dumps(product(f"b{number}", "red")).encode() for number in range(2))
    for chunks in ([lines], [lines[:1], lines[1:2], lines[2:]]):
        answer = client.put("/v1/products", content=iter(chunks), headers=LINES).json()
        assert (answer["created"], answer["rejected"]) == (2, 0)
        assert all(client.delete(f"/v1/products/b{number}").status_code == 204 for number in range(2))
    assert client.put("/v1/products", content=b"\xef", headers=LINES).json()["rejected"] == 1


def test_a_patch_that_changes_a_type_says_so(client: Client) -> None:
    put(client, product("n", "red", attributes={"in_stock": "true", "size": ["L"], "weight": 3}))
    changes = {"in_stock": False, "size": ["M"], "weight": 3.5, "new": 1}
    [warning] = client.patch("/v1/products/n", json={"attributes": changes}).json()["warnings"]
    assert "'in_stock' was text and is boolean now" in warning
    assert client.patch("/v1/products/n", json={"attributes": changes}).json()["warnings"] == []
    assert client.get("/v1/products/n").json()["warnings"] == []


def test_texts_meet_in_unicodes_form_c(client: Client) -> None:
    apart, together = "Cafe\u0301", "Caf\u00e9"
    put(client, product("n", "red", title=f"{apart} mug", category=apart, attributes={apart: apart}))
    found = client.get("/v1/products/n").json()
    assert (found["title"], found["attributes"]) == (f"{together} mug", {together: together})
    for spelled in (apart, together):
        search = {"text": f"{spelled} mug", "filter": {"category": {"eq": spelled}}, "hybrid": {"enabled": True}}
        answer = client.post("/v1/search", json={**search, "facets": [f"attributes.{spelled}"]}).json()
        assert [result["product"]["id"] for result in answer["results"]] == ["n"]
        assert [value["value"] for value in answer["facets"]["counts"][f"attributes.{spelled}"]["values"]] == [together]
    assert client.patch("/v1/products/n", json={"attributes": {apart: None}}).json()["attributes"] == {}


def test_a_stream_that_is_refused_in_its_midst_says_what_was_stored(tmp_path: Path) -> None:
    lines = [json.dumps(product(f"n{number}", "red")).encode() + b"\n" for number in range(20)]
    with open_client(make_shop(tmp_path, max_feed_lines=18)) as client:
        response = client.put("/v1/products", content=b"\n".join(lines[:9]) + b"".join(lines[9:]), headers=LINES)
        assert_problem(response)
        assert (response.status_code, response.json()["processed"]) == (413, 10), "blank lines count, too"
        assert client.get("/v1/products/n9").status_code == 200
        assert client.get("/v1/products/n10").status_code == 404
        rest = client.put("/v1/products", content=b"".join(lines[10:]), headers=LINES).json()
        assert rest["created"] == 10


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"", "application/json", 400),
        (b"[", "application/json", 400),
        (b"5", "application/json", 400),
        (b"[" * 3000, "application/json", 400),
        (b'{"id": "\\ud800"}', "application/json", 400),
        (b"id=n", "application/x-www-form-urlencoded", 415),
        (b"x", "text/csv", 415),
        (json.dumps([{"id": "n"}] * 1001).encode(), "application/json", 400),
    ],
)
def test_bodies_that_cannot_be_read(client: Client, content: bytes, kind: str, status: int) -> None:
    response = client.put("/v1/products", content=content, headers={"Content-Type": kind})
    assert response.status_code == status, response.text
    assert_problem(response)
    assert "multipart" not in response.json()["detail"], "other routes take JSON alone, this one NDJSON, too"


def test_patch_merges_fields_and_keeps_vectors(shop: Shop, client: Client) -> None:
    put(client, product("n", "red", "blue", title="Old", category="mug", price=3, attributes={"a": 1, "b": 2}))
    seen, vector = len(shop.encoder.seen), shop.store.get("n")[1].vector
    changes = {"price": None, "title": "New", "attributes": {"a": None, "c": [True]}}
    found = client.patch("/v1/products/n", json=changes).json()
    assert (found["title"], found["category"], found["price"]) == ("New", "mug", None)
    assert found["attributes"] == {"b": 2, "c": [True]}
    assert all(row.product.title == "New" for row in shop.store.get("n"))
    assert (shop.store.get("n")[1].vector == vector).all() and len(shop.encoder.seen) == seen
    assert client.patch("/v1/products/n", json={}).json() == found
    put(client, product("n", "red", "blue", title="New", category="mug", attributes={"b": 2, "c": [True]}))
    assert client.get("/v1/products/n").json()["updated_at"] == found["updated_at"]  # the hashes agree
    assert client.patch("/v1/products/n", json={"attributes": None}).json()["attributes"] == {}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"id": "other"}, 400),
        ({"images": []}, 400),
        ({"price": "3"}, 400),
        ({"price": -1}, 400),
        ({"attributes": {"a]": 1}}, 400),
        ({"attributes": {f"a{number}": 1 for number in range(257)}}, 400),
        ([], 400),
    ],
)
def test_wrong_changes_change_nothing(shop: Shop, client: Client, body: Any, status: int) -> None:
    before = dict(shop.store.rows)
    response = client.patch("/v1/products/p1", json=body)
    assert response.status_code == status
    assert_problem(response)
    assert shop.store.rows == before
    assert client.patch("/v1/products/nobody", json={"title": "x"}).status_code == 404


def test_a_listing_pages_through_all_products_once(client: Client) -> None:
    put(client, product("p10", "red", "blue", "green", category="mug"))  # three rows, still one product
    for where, expected in ((None, 20), ({"category": {"eq": "mug"}}, 10), ({"category": {"eq": "none"}}, 0)):
        seen: list[str] = []
        params: dict[str, Any] = {"limit": 3, **({"filter": json.dumps(where)} if where else {})}
        while True:
            page = client.get("/v1/products", params=params).json()
            seen += [item["id"] for item in page["products"]]
            if page["next_cursor"] is None:
                break
            assert len(page["products"]) == 3
            params["cursor"] = page["next_cursor"]
        assert len(seen) == len(set(seen)) == expected
        assert seen == sorted(seen)


@pytest.mark.parametrize(
    "params",
    [
        {"limit": 0},
        {"limit": 501},
        {"limit": "x"},
        {"cursor": "%%"},
        {"cursor": "é"},
        {"cursor": "_w"},
        {"cursor": "a" * 5000},
        {"filter": "{"},
        {"filter": "[]"},
        {"filter": '{"weight": {"eq": 1}}'},
    ],
)
def test_wrong_questions_for_a_listing(client: Client, params: dict[str, Any]) -> None:
    response: Response = client.get("/v1/products", params=params)
    assert response.status_code == 400
    assert_problem(response)


def test_what_an_address_holds_is_not_logged(shop: Shop, client: Client, caplog: pytest.LogCaptureFixture) -> None:
    shop.store.failure = StoreUnavailable()
    assert client.get("/v1/products/x%0a2026-01-01%20ERROR%20forged").status_code == 503
    shop.store.failure = RuntimeError("broken")
    assert client.get("/v1/products/x%0a2026-01-01%20ERROR%20forged").status_code == 500
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("service.")]
    assert "GET /v1/products/{product_id}: store-unavailable" in ours
    assert "forged" not in "".join(ours)


def test_a_store_that_is_away_is_503(shop: Shop, client: Client) -> None:
    shop.store.failure = StoreUnavailable()
    for response in (
        client.put("/v1/products", json=product("n", "red")),
        client.get("/v1/products"),
        client.get("/v1/products/p1"),
        client.patch("/v1/products/p1", json={}),
    ):
        assert response.status_code == 503
        assert_problem(response)

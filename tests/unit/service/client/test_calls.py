"""What is sent: bodies, images, batches and paths."""

from __future__ import annotations

import base64
import inspect
import io
import json
import subprocess
import sys
import typing
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pydantic import BaseModel

from service.client import AsyncClient, Client, catalog, rules, searches
from service.client.errors import AnswerError, UnavailableError
from service.client.events import EventReader
from service.client.images import content_json, data_uri, reference
from service.client.searches import embeddings, rerank
from service.client.transport import connection_options
from service.server.dialects.requests import DocumentsBody, EmbeddingsBody
from service.stores.filters import Filter
from service.wire.feedback import FeedbackBody
from service.wire.products import ProductBody, ProductPatch
from service.wire.rules import RulesBody
from service.wire.search import SearchBody
from tests.fakes import png


def body(call: Any) -> Any:
    return call.options["json"]


def test_what_is_not_said_is_not_sent() -> None:
    assert body(searches.search("a mug")) == {"text": "a mug"}
    where = Filter.model_validate({"category": {"in": ["cap"]}})
    call = searches.search(
        filter=where, limit=3, rerank=False, hybrid=True, collapse=True, facets=["category"], extra={"new": [1]}
    )
    assert body(call) == {
        **{"filter": {"category": {"in": ["cap"]}}, "limit": 3, "rerank": {"enabled": False}},
        **{"hybrid": {"enabled": True}, "collapse": {"near_duplicates": True}, "facets": ["category"], "new": [1]},
    }
    assert body(searches.search("a", rerank={"candidates": 3}))["rerank"] == {"candidates": 3}
    assert body(searches.search("a", group_by="style", diversity=0.5)) == {
        **{"text": "a", "group_by": {"field": "style"}, "diversity": {"lambda": 0.5}},
    }
    given: dict[str, Any] = {"group_by": {"field": "style", "size": 2}, "diversity": {"lambda": 0.3}}
    assert body(searches.search(**given)) == given


def test_rules_are_sent_as_they_were_given() -> None:
    rule = {"name": "a", "exclude": {"attributes": {"brand": {"in": ["x"]}}}}
    assert body(rules.put_rules([rule])) == {"rules": [rule]}
    assert body(rules.put_rules(RulesBody.model_validate({"rules": [rule]}))) == {"rules": [rule]}
    assert body(rules.put_rules([])) == {"rules": []}


def test_images_that_are_here_are_uploaded(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png())
    for sent in (path, png()):
        parts = searches.search("this", image=sent, limit=2).options["files"]
        assert parts["image"][1] == png() and json.loads(parts["query"][1]) == {"text": "this", "limit": 2}
    with Image.open(path) as image:
        uploaded = searches.search(image=image).options["files"]["image"][1]
    with Image.open(io.BytesIO(uploaded)) as again:
        assert again.size == (24, 16) and again.format == "PNG"


def test_images_that_are_elsewhere_are_named() -> None:
    assert body(searches.search(image="https://img.example/a.png"))["image"] == {"url": "https://img.example/a.png"}
    assert body(searches.search(image="data:image/png;base64,AA"))["image"] == {"data": "data:image/png;base64,AA"}
    assert body(searches.search(image={"product_id": "P1"}))["image"] == {"product_id": "P1"}


@pytest.mark.parametrize("text", ["/etc/passwd", "leopard.webp", "file:///etc/passwd", ""])
def test_a_text_is_never_taken_for_a_file(text: str) -> None:
    with pytest.raises(ValueError, match="give a Path"):
        reference(text)


@pytest.mark.parametrize("ending", ["", "/", "/v1", "/v1/", "/shop/v1"])
def test_a_base_url_may_end_in_the_version(ending: str) -> None:
    options = connection_options(f"http://127.0.0.1:8000{ending}", None, 1.0)
    path = httpx.Client(base_url=options["base_url"]).build_request("GET", "/v1/search").url.path
    assert path == ("/shop/v1/search" if "shop" in ending else "/v1/search")


def test_events_are_read_line_by_line() -> None:
    reader = EventReader()
    lines = [b": at work", b"", b"event: later", b"data: {}", b"", b"id: 1", b"event: problem"]
    assert all(reader.feed(line) is None for line in lines)
    problem = {"status": 503, "title": "Away", "detail": "Later.", "message": "Away. Later."}
    reader.feed(f"data: {json.dumps(problem)}".encode())
    with pytest.raises(UnavailableError, match=r"Away\. Later\."):
        reader.feed(b"")
    for line in (b"event:ranked", b"data:{}"):
        reader.feed(line)
    with pytest.raises(AnswerError):
        reader.feed(b"")


def test_contents() -> None:
    assert content_json("a mug") == "a mug"
    assert content_json({"text": "a", "image": "http://x/y"}) == {"text": "a", "image": "http://x/y"}
    assert content_json({"text": "a", "image": png()}) == {"text": "a", "image": data_uri(png())}
    assert content_json(png()) == {"image": data_uri(png())}
    parts = {"content": [{"type": "text", "text": "a"}]}
    assert content_json(parts) == parts
    head, _, data = data_uri(png()).partition(",")
    assert head == "data:image/png;base64" and base64.b64decode(data) == png()
    assert (
        body(searches.embeddings("a"))["input"] == ["a"] and body(searches.embeddings(["a", png()]))["input"][0] == "a"
    )


@given(st.text(min_size=1).filter(str.isprintable))
def test_every_id_has_a_path_of_its_own(id: str) -> None:
    path = catalog.get_product(id).path
    prefix, _, last = path.rpartition("/")
    assert prefix == "/v1/products" and unquote(last) == id and not set(last) & set("?#.\\ ")


@given(st.lists(st.integers(0, 40)), st.integers(1, 5))
def test_batches_keep_all_products_in_order_and_fit(sizes: list[int], most: int) -> None:
    products = [{"id": str(number), "title": "x" * size} for number, size in enumerate(sizes)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(catalog, "BATCH_PRODUCTS", most)
        patch.setattr(catalog, "BATCH_BYTES", 60)
        found = list(catalog.batches(products))
    assert [json.loads(line) for lines in found for line in lines] == products
    assert all(1 <= len(lines) <= most and (len(lines) == 1 or sum(map(len, lines)) <= 60) for lines in found)


def test_products_carry_their_images() -> None:
    call = catalog.put_product("P1", images=[png(), "https://img.example/a.png"], price=0.0, attributes={})
    assert body(call) == {
        **{"id": "P1", "price": 0.0, "attributes": {}},
        "images": [{"data": data_uri(png())}, {"url": "https://img.example/a.png"}],
    }
    assert body(catalog.patch_product("P1", price=None)) == {"price": None}


def test_the_client_loads_no_models() -> None:
    """A shop's web server that only asks must not pay for what answers."""
    heavy = ("torch", "transformers", "pymilvus", "litestar", "FlagEmbedding")
    code = f"import sys, service.client; print([name for name in {heavy} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize("client", [Client, AsyncClient])
def test_methods_have_signatures_of_their_own(client: type[Client] | type[AsyncClient]) -> None:
    assert list(inspect.signature(client.search).parameters)[:2] == ["self", "text"]
    assert list(inspect.signature(client.rerank).parameters)[:3] == ["self", "query", "documents"]
    public = {name for name, value in vars(Client).items() if inspect.isfunction(value) and not name.startswith("_")}
    assert public == {name for name in vars(AsyncClient) if not name.startswith("_")}
    for name in public:
        method = getattr(client, name)
        assert inspect.getdoc(method), name
        kinds = {parameter.kind for parameter in inspect.signature(method).parameters.values()}
        assert not kinds & {inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL}, name


@pytest.mark.parametrize("client", [Client, AsyncClient])
@pytest.mark.parametrize(
    ("name", "model", "more"),
    [
        ("search", SearchBody, {"extra"}),
        ("search_stream", SearchBody, {"extra"}),
        ("put_product", ProductBody, set()),
        ("patch_product", ProductPatch, {"id"}),
        ("feedback", FeedbackBody, set()),
        ("rerank", DocumentsBody, set()),
    ],
)
def test_methods_have_the_fields_of_the_requests_in_their_signatures(
    client: type[Client] | type[AsyncClient], name: str, model: type[BaseModel], more: set[str]
) -> None:
    known = typing.get_type_hints(getattr(client, name))
    assert known.keys() - {"return"} == model.model_fields.keys() | more
    named = inspect.signature(getattr(client, name)).parameters.keys() - {"self"}
    assert named == known.keys() - {"return"}


@pytest.mark.parametrize("client", [Client, AsyncClient])
def test_embeddings_have_the_fields_of_their_request_but_the_encoding(client: type[Client] | type[AsyncClient]) -> None:
    named = inspect.signature(client.embeddings).parameters.keys() - {"self"}
    assert named == EmbeddingsBody.model_fields.keys() - {"input", "encoding_format"} | {"inputs"}
    call = embeddings("a mug", role="document", instruction="Find products.", dimensions=256)
    body = {"role": "document", "instruction": "Find products.", "dimensions": 256, "input": ["a mug"]}
    assert call.options["json"] == body
    assert rerank("a", ["b"], instruction="Prefer caps.").options["json"]["instruction"] == "Prefer caps."


def test_a_field_that_does_not_exist_is_refused_before_anything_is_sent() -> None:
    with Client() as client, pytest.raises(TypeError, match="limits"):
        client.search("a", limits=3)  # type: ignore[call-arg]

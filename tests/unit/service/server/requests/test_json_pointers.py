"""Every pointer of a problem leads to a place in what the client sent."""

from __future__ import annotations

import json
from typing import Any

import pytest

from service.errors import EmptyQuery, InvalidInput
from service.server.dialects.requests import DocumentsBody, ScoreBody
from service.server.requests.json_pointers import json_pointer, repoint
from service.server.requests.validation import parse_body
from service.wire.products import ProductBody, ProductPatch
from service.wire.search import SearchBody


def resolves(document: Any, pointer: str) -> bool:
    """RFC 6901, section 4."""
    here = document
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        try:
            here = here[int(name) if isinstance(here, list) else name]
        except (KeyError, IndexError, ValueError, TypeError):
            return False
    return True


@pytest.mark.parametrize(
    ("model", "body", "pointers"),
    [
        (ProductBody, {"id": "a", "attributes": {"flag": {"bool": 1}}}, ["/attributes/flag"]),
        (ProductBody, {"id": "a", "attributes": {"a/b": {"c": 1}}}, ["/attributes/a~1b"]),
        (ProductBody, {"id": "a", "attributes": {"bool": []}, "price": "1"}, ["/price"]),
        (ProductBody, {"id": "a", "attributes": {"list": [{"a": 1}]}}, ["/attributes/list/0"]),
        (ProductBody, {"id": "a", "images": [{"data": 5}, {"uri": "x"}]}, ["/images/0/data", "/images/1/uri"]),
        (ProductPatch, {"attributes": {"flag": {"a": 1}}}, ["/attributes/flag"]),
        (SearchBody, {"text": "a", "image": 5}, ["/image"]),
        (SearchBody, {"text": "a", "image": {"data": 5}}, ["/image/data"]),
        (SearchBody, {"text": "a", "filter": {"price": {"near": 3}}}, ["/filter/price/near"]),
        (SearchBody, {"text": "a", "filter": {"attributes.size": {"lte": 1e300}}}, ["/filter/attributes.size/lte"]),
        (SearchBody, {"text": "a", "filter": {"or": [{"price": {"lte": "x"}}]}}, ["/filter/or/0/price/lte"]),
        (SearchBody, {"text": "a", "rerank": {"strategy": 5, "speed": 1}}, ["/rerank/strategy", "/rerank/speed"]),
        (DocumentsBody, {"query": "a", "documents": 5}, ["/documents"]),
        (DocumentsBody, {"query": "a", "documents": ["a"], "top_k": -1}, ["/top_k"]),
        (DocumentsBody, {"query": "a", "documents": [{"content": {"a": 1}}]}, ["/documents/0/content"]),
        (ScoreBody, {"text_1": "a", "text_2": 5}, ["/text_2"]),
        (ScoreBody, {"query": "a", "items": ["a", {"text": 3}]}, ["/items/1/text"]),
    ],
)
def test_pointers_lead_into_the_body(model: Any, body: dict[str, Any], pointers: list[str]) -> None:
    with pytest.raises(InvalidInput) as refused:
        aliases = {"aliases": model.dialect.aliases} if hasattr(model, "dialect") else {}
        parse_body(model, json.dumps(body), **aliases)
    found: Any = refused.value.extensions["errors"]
    assert set(pointers) <= {error["pointer"] for error in found}
    assert [error["pointer"] for error in found if not resolves(body, error["pointer"])] == []


def test_a_field_that_is_missing_is_named_where_it_should_be() -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_body(DocumentsBody, b'{"query": "a"}')
    errors: Any = refused.value.extensions["errors"]
    assert [error["pointer"] for error in errors] == ["/documents"]


def test_a_location_is_read_against_the_document() -> None:
    document = {"a": [{"b~c": 1}], "x": "one"}
    assert json_pointer(document, ("a", 0, "b~c", "int")) == "/a/0/b~0c"
    assert json_pointer(document, ("a", "list[dict]", 7)) == "/a"
    assert json_pointer(document, ("y", 0), {"x": "y"}) == "/x"
    assert json_pointer(document, ("a", 0, "d"), missing="d") == "/a/0/d"
    assert json_pointer([1], (0, "id"), missing="id") == "/0/id"


def test_places_found_later_are_those_of_the_client() -> None:
    error = EmptyQuery(errors=[{"pointer": "/queries/0", "detail": "x"}], more=1)
    repoint(error, lambda: {"text_1": ""}, {"text_1": "queries"})
    assert error.extensions == {"errors": [{"pointer": "/text_1", "detail": "x"}], "more": 1}
    unplaced = EmptyQuery()
    repoint(unplaced, lambda: 1 / 0)
    assert unplaced.extensions == {}

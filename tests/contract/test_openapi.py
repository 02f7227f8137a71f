"""The description at /schema is complete and speaks of what the service really accepts and answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openapi_spec_validator
import pytest
from litestar.testing import TestClient

from service.server.access.api_keys import hash_key
from service.wire.search import RerankBody, SearchBody, SearchOut
from tests.conftest import open_client
from tests.fakes import make_shop

Client = TestClient[Any]

EXAMPLES = {
    "SearchBody": ("POST", "/v1/search"),
    "ProductBody": ("PUT", "/v1/products"),
    "ProductPatch": ("PATCH", "/v1/products/p0"),
    "DocumentsBody": ("POST", "/v1/rerank"),
    "EmbeddingsBody": ("POST", "/v1/embeddings"),
    "EmbedBody": ("POST", "/v2/embed"),
    "ScoreBody": ("POST", "/v1/score"),
}


@pytest.fixture
def schema(client: Client) -> dict[str, Any]:
    """The OpenAPI document."""
    found: dict[str, Any] = client.get("/schema").json()
    return found


def references(node: Any) -> set[str]:
    """Every `$ref` below a node."""
    if isinstance(node, dict):
        own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
        return own.union(*(references(child) for child in node.values()))
    return set().union(*(references(child) for child in node)) if isinstance(node, list) else set()


def test_it_is_openapi_3_1_and_lists_the_routes(schema: dict[str, Any]) -> None:
    assert schema["openapi"].startswith("3.1")
    assert {"/v1/search", "/v1/images/{key}", "/healthz", "/readyz"} <= schema["paths"].keys()


def test_every_reference_leads_somewhere(schema: dict[str, Any]) -> None:
    for reference in references(schema):
        node: Any = schema
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]


def nodes(node: Any) -> Iterator[dict[str, Any]]:
    """Every object of a document."""
    if isinstance(node, dict):
        yield node
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from nodes(child)


def test_a_validator_finds_no_error(schema: dict[str, Any]) -> None:
    openapi_spec_validator.validate(schema)


def test_it_is_written_so_that_generators_understand_it(schema: dict[str, Any]) -> None:
    for node in nodes(schema):
        assert "oneOf" not in node, "members may overlap: 1 is an integer and a number"
        assert not isinstance(node.get("type"), list), node
        assert node.get("default", "") is not None, "a null default is taken for a field that is always there"
    assert not [name for name in schema["components"]["schemas"] if "_" in name], "two models of one name"
    fields = schema["components"]["schemas"]["DocumentsBody"]["properties"]
    assert "default" not in fields["top_n"] and fields["top_n"]["description"].endswith("; default: 0")


def test_every_error_of_every_route_has_the_one_shape(schema: dict[str, Any]) -> None:
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemOut"}}}
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            for status, response in operation["responses"].items():
                assert int(status) < 400 or response["content"] == problem, (method, path, status)
    described = schema["components"]["schemas"]["ProblemOut"]["properties"]
    assert {"type", "title", "status", "detail", "errors", "message", "error"} <= described.keys()


def test_keys_are_asked_for_where_there_are_any(schema: dict[str, Any], tmp_path: Path) -> None:
    keys: list[dict[str, list[str]]] = [{"bearer": []}, {"header": []}]
    assert schema["security"] == [{}, *keys]
    secret = hash_key("wt_key")
    with open_client(make_shop(tmp_path, api_keys=[{"name": "a", "sha256": secret, "scopes": ["search"]}])) as client:
        locked = client.get("/schema", headers={"X-API-Key": "wt_key"}).json()
    assert locked["security"] == keys
    assert (
        locked["paths"]["/healthz"]["get"]["security"] == [{}]
        and "security" not in locked["paths"]["/v1/search"]["post"]
    )


def test_the_limits_of_the_settings_are_told(tmp_path: Path) -> None:
    with open_client(make_shop(tmp_path, max_text_chars=77, max_limit=55)) as client:
        search = client.get("/schema").json()["components"]["schemas"]["SearchBody"]["properties"]
    assert {"type": "string", "maxLength": 77} in search["text"]["anyOf"]
    assert search["limit"]["anyOf"][0]["maximum"] == 55


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_the_examples_of_a_body_are_accepted(schema: dict[str, Any], client: Client, name: str) -> None:
    found = schema["components"]["schemas"][name]["examples"]
    assert found
    for example in found:
        method, path = EXAMPLES[name]
        response = client.request(method, path, json=example)
        assert response.status_code < 300, response.text


def test_the_search_request_is_described_in_both_forms(schema: dict[str, Any]) -> None:
    content = schema["paths"]["/v1/search"]["post"]["requestBody"]["content"]
    assert content.keys() == {"application/json", "multipart/form-data"}
    components = schema["components"]["schemas"]
    assert components["SearchBody"]["properties"].keys() == SearchBody.model_fields.keys()
    assert components["RerankBody"]["properties"].keys() == RerankBody.model_fields.keys()
    assert {"category", "price", "attributes", "and", "or", "not"} <= components["Filter"]["properties"].keys()


def test_answers_and_errors_are_described(schema: dict[str, Any]) -> None:
    responses = schema["paths"]["/v1/search"]["post"]["responses"]
    assert {"200", "400", "404", "413", "415", "422", "429", "503"} <= responses.keys()
    assert all("application/problem+json" in responses[status]["content"] for status in responses if status != "200")
    later = {"facets", "sorted", "grouped", "rules", "next_cursor", "notices", "understood", "explanation"}
    assert SearchOut.model_fields.keys() <= {"id", "query", "results", "rerank", "timings_ms"} | later
    assert "SearchOut" in json.dumps(responses["200"])

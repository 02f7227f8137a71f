"""The description at /schema is complete and speaks of what the service really accepts and answers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from litestar.testing import TestClient

from service.api.schemas import RerankBody, SearchBody, SearchOut

Client = TestClient[Any]


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
    later = {"facets", "next_cursor", "notices", "explanation"}
    assert SearchOut.model_fields.keys() <= {"id", "query", "results", "rerank", "timings_ms"} | later
    assert "SearchOut" in json.dumps(responses["200"])

"""Requests made up from the OpenAPI document by schemathesis: no 5xx, no status or shape that is not described.

A few hundred in every run; `make fuzz` asks for thousands (FUZZ_CASES is their number for each operation).
"""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, assume, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from service.server.openapi import ProblemOut
from tests.conftest import open_client
from tests.fakes import make_shop
from tests.integration.live import live

CASES = int(os.environ.get("FUZZ_CASES", "0"))
PER_OPERATION = CASES or 20
LONGEST_QUERY = 4000
"""Characters. Longer heads are 431 before the application sees them, on every route, so the document has no 431."""
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


def load() -> Any:
    """The document of the service itself."""
    with tempfile.TemporaryDirectory() as folder, open_client(make_shop(Path(folder), products=0)) as client:
        return schemathesis.openapi.from_dict(client.get("/schema").json())


SCHEMA = load()
SEEN: Counter[int] = Counter()
OPERATIONS = {
    result.ok().label: result.ok()
    for result in SCHEMA.get_all_operations()
    if "/v1/catalogs/{catalog}/" not in result.ok().label  # the same handlers as below /v1
}


@pytest.fixture(scope="module")
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service with products; bodies are kept small, so that limits are reached. In the end it says what it saw."""
    log = tmp_path_factory.mktemp("log")
    shop = make_shop(tmp_path_factory.mktemp("shop"), max_body_bytes=64 * 1024, search_log=log, feedback=True)
    with live(shop) as address:
        yield address
    statuses = ", ".join(f"{status}: {count}" for status, count in sorted(SEEN.items()))
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        print(f"\n{SEEN.total()} made-up requests, answered {statuses}")


def test_every_operation_is_fuzzed() -> None:
    assert len(OPERATIONS) >= 13
    assert {"POST /v1/search", "PUT /v1/products", "POST /v1/rerank", "POST /v1/embeddings"} <= OPERATIONS.keys()


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["fitting", "wrong"])
@pytest.mark.parametrize("label", sorted(OPERATIONS))
def test_made_up_requests_get_described_answers(url: str, label: str, mode: GenerationMode) -> None:
    operation = OPERATIONS[label]
    if mode is GenerationMode.NEGATIVE and not (operation.body or operation.query):
        pytest.skip("nothing in this request can be wrong")
    session = requests.Session()

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=PER_OPERATION,
        deadline=None,
        derandomize=not CASES,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    def check(case: Any) -> None:
        assume(len(str(case.query)) < LONGEST_QUERY)
        response = case.call(base_url=url, session=session)
        SEEN[response.status_code] += 1
        case.validate_response(response, checks=CHECKS)
        if response.status_code >= 400:
            assert response.headers["content-type"] == ["application/problem+json"]
            assert ProblemOut.model_validate_json(response.content).status == response.status_code

    with session:
        check()

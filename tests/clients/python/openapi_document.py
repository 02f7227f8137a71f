"""The OpenAPI document: a validator finds no error in it, and two generators make clients of it that work."""

import asyncio
import json
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

from common import DOCUMENTS, KEY, MODEL, QUERY, URL, check_order
from openapi_spec_validator import validate

BIN = Path(sys.executable).parent


def run(*command: object, folder: Path) -> None:
    found = subprocess.run([str(part) for part in command], cwd=folder, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr


def attrs_client() -> None:
    """openapi-python-client."""
    from made_by_attrs import AuthenticatedClient
    from made_by_attrs.api.models import v1_rerank_rerank
    from made_by_attrs.api.search import v1_search_search
    from made_by_attrs.models import DocumentsBody, ProblemOut, SearchBody

    with AuthenticatedClient(base_url=URL, token=KEY) as client:
        body = DocumentsBody(query=QUERY, documents=DOCUMENTS, top_n=2, model=MODEL)
        check_order([result.index for result in v1_rerank_rerank.sync(client=client, body=body).results], 2)
        found = v1_search_search.sync(client=client, body=SearchBody(text=QUERY, limit=3))
        assert found.results == [] and found.rerank.degraded is None
        wrong = v1_search_search.sync(client=client, body=SearchBody(text=""))
        assert isinstance(wrong, ProblemOut) and wrong.error.code == "empty-query", wrong
        assert asyncio.run(v1_search_search.asyncio(client=client, body=SearchBody(text=QUERY))).results == []


def pydantic_client() -> None:
    """openapi-generator."""
    import openapi_client as made

    settings = made.Configuration(host=URL, access_token=KEY, api_key={"header": KEY})
    with made.ApiClient(settings) as client:
        body = made.DocumentsBody.from_dict({"query": QUERY, "documents": DOCUMENTS, "top_n": 2})
        check_order([result.index for result in made.ModelsApi(client).v1_rerank_rerank(body).results], 2)
        found = made.SearchApi(client).v1_search_search(made.SearchBody.from_dict({"text": QUERY, "limit": 3}))
        assert found.results == []
        try:
            made.SearchApi(client).v1_search_search(made.SearchBody.from_dict({"text": ""}))
        except made.ApiException as error:
            assert error.status == 400 and "The query is empty" in error.body, error
        else:
            raise AssertionError("an empty query was taken")


with tempfile.TemporaryDirectory() as name:
    folder = Path(name)
    request = urllib.request.Request(f"{URL}/schema", headers={"X-API-Key": KEY})
    document = json.load(urllib.request.urlopen(request))
    validate(document)
    (folder / "openapi.json").write_text(json.dumps(document))
    (folder / "config.yml").write_text("package_name_override: made_by_attrs\n")
    made = ("generate", "--path", "openapi.json", "--meta", "none", "--output-path", "made_by_attrs")
    run(BIN / "openapi-python-client", *made, "--config", "config.yml", folder=folder)
    run(BIN / "openapi-generator-cli", "generate", "-i", "openapi.json", "-g", "python", "-o", "other", folder=folder)
    sys.path[:0] = [name, str(folder / "other")]
    attrs_client()
    pydantic_client()

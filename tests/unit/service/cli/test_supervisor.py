"""Which stores may have several workers, how cores are shared out, and which models are loaded before workers are."""

from __future__ import annotations

import os

import pytest
from typer.testing import CliRunner

from service.cli import app
from service.cli.sharing import shared_out, survive_a_fork
from service.cli.supervisor import check_shareable
from service.errors import ConfigurationError
from service.settings import Settings


def chosen(**settings: object) -> Settings:
    return Settings(_env_file=None, **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("uri", ["", "shop.db", "exact:", "exact:store.jsonl"])
def test_stores_of_one_process_are_refused_with_the_cure(uri: str) -> None:
    with pytest.raises(ConfigurationError, match="Set WITHTHIS_STORE_URI to the server's address"):
        check_shareable(chosen(store_uri=uri, workers=2))


@pytest.mark.parametrize("uri", ["http://milvus:19530", "https://shop.zillizcloud.com", "tcp://milvus:19530"])
def test_servers_may_be_shared(uri: str) -> None:
    check_shareable(chosen(store_uri=uri, workers=2))


def test_serve_refuses_before_anything_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WITHTHIS_STORE_URI", "exact:")
    result = CliRunner().invoke(app, ["serve", "--workers", "2", "--port", "0"])
    assert isinstance(result.exception, ConfigurationError)
    assert "Milvus server" in result.exception.detail


def test_cores_are_shared_out_unless_that_is_settled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    assert shared_out(chosen(workers=3)).encoder.torch_threads == 2
    assert shared_out(chosen(workers=20)).encoder.torch_threads == 1
    assert shared_out(chosen(workers=2, torch_threads=7)).encoder.torch_threads == 7


@pytest.mark.parametrize(
    ("settings", "shared"),
    [
        ({"torch_threads": 1}, True),
        ({"torch_threads": 1, "rerank_enabled": False}, True),
        ({"torch_threads": 2}, False),
        ({}, False),
        ({"torch_threads": 1, "encoder": "visualized-bge-base-en"}, False),
        ({"torch_threads": 1, "engine": "phi3-vision"}, False),
    ],
)
def test_models_that_compute_in_threads_or_on_a_gpu_are_loaded_by_each_worker(
    settings: dict[str, object], shared: bool
) -> None:
    assert survive_a_fork(chosen(**settings)) is shared

"""`withthis index --engine ray` up to where Ray begins."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from service.catalog.ingest import IngestReport
from service.cli import app
from service.cli import index as index_module
from service.errors import ConfigurationError
from tests.fakes import png


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """A command line, to be given in an empty folder with a feed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WITHTHIS_STORE_URI", "exact:")
    (tmp_path / "feed").mkdir()
    (tmp_path / "feed" / "a.png").write_bytes(png())
    return ["index", "feed", "--engine", "ray"]


def test_without_the_extra_it_says_what_to_install(command: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_module, "find_spec", lambda name: None)
    with pytest.raises(ConfigurationError, match=r"pip install 'withthis\[ray\]'"):
        CliRunner().invoke(app, command, catch_exceptions=False)


def test_what_is_sent_to_workers_holds_in_other_folders_and_processes(
    command: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    distributed = pytest.importorskip("service.catalog.distributed", reason="ray is not installed")
    told: dict[str, Any] = {}

    def ingest_on_ray(feed: Path, load: Any, store: Any, images: Any, **options: Any) -> IngestReport:
        told.update(options, load=pickle.loads(pickle.dumps(load)), images=pickle.loads(pickle.dumps(images)))
        return IngestReport(indexed=1)

    monkeypatch.setattr(distributed, "ingest_on_ray", ingest_on_ray)
    (tmp_path / "weights").touch()
    for name, value in {"ENCODER_DEVICE": "cuda:1", "ENCODER_PATH": "weights", "RAY_ENCODERS": "3"}.items():
        monkeypatch.setenv(f"WITHTHIS_{name}", value)
    result = CliRunner().invoke(app, [*command, "--json"], catch_exceptions=False)
    assert result.exit_code == 0 and '"indexed": 1' in result.output
    [settings] = told["load"].args
    assert (settings.encoder.device, settings.encoder.path) == ("cuda", tmp_path / "weights")
    assert told["ray_options"] == distributed.RayOptions(None, 3, "cuda")
    key = told["images"].put(png())
    assert list((tmp_path / ".withthis" / "images").rglob(key))

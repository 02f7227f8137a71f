"""The README is complete: every setting with its default, every route, every command, every make target."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import typer.main
from litestar.testing import TestClient
from prometheus_client.parser import text_string_to_metric_families

from service.cli import app
from service.settings import Settings

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def shown(value: object) -> str:
    """A default as the table writes it."""
    if value in (None, ""):
        return "none"
    return f"`{json.dumps(value) if isinstance(value, dict | bool) else value}`"


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_in_the_table_with_default_and_meaning(name: str) -> None:
    field = Settings.model_fields[name]
    default = field.get_default(call_default_factory=True)
    assert f"| `WITHTHIS_{name.upper()}` | {shown(default)} | {field.description} |" in README


def test_no_setting_is_invented() -> None:
    known = {f"WITHTHIS_{name.upper()}" for name in Settings.model_fields} | {"WITHTHIS_CONFIG"}
    assert set(re.findall(r"WITHTHIS_[A-Z_]+", README)) <= known


def test_every_route_is_listed(client: TestClient[Any]) -> None:
    for route in client.app.routes:
        path = re.sub(r"\{(\w+):\w+\}", r"{\1}", route.path).removesuffix("/{file_path}").removesuffix("/{path}")
        assert f"{path}`" in README, path


def test_every_metric_is_in_the_table_with_its_labels(client: TestClient[Any]) -> None:
    client.post("/v1/search", json={"text": "a mug"})
    families = text_string_to_metric_families(client.get("/metrics").text)
    shown = [family for family in families if family.samples and not family.name.endswith("_created")]
    assert len(shown) >= 6
    for family in shown:
        name = family.name + ("_total" if family.type == "counter" else "")
        row = re.search(rf"^\| `{name}` \| (.*?)\| ", README, re.MULTILINE)
        assert row, name
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        assert set(re.findall(r"`(\w+)`", row[1])) == labels, name


def test_every_command_and_its_options_are_listed() -> None:
    commands: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    for name in commands:
        assert f"`withthis {name}" in README
    for option in commands["search"].params:
        assert any(spelling in README for spelling in (*option.opts, *option.secondary_opts)), option.name


def test_every_make_target_is_listed() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in ("install", "demo", "test", "fuzz", "clients", "lint", "bench", "train-starter", "evaluate-starter"):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)
        assert f"`make {target}`" in README

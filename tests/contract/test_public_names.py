"""No name that others rely on vanishes: the files in `names` may grow, and lose nothing.

Clients, dashboards, scripts and environments hold these names. A line is deleted there only with a new major version.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from litestar.testing import TestClient

from tests.contract import public_names

NAMES = Path(__file__).with_name("names")


def vanished(kind: str, found: set[str]) -> list[str]:
    """The published names that the code no longer has."""
    published = (NAMES / f"{kind}.txt").read_text(encoding="utf-8").splitlines()
    assert published
    return sorted(set(published) - found)


def test_no_setting_or_command_has_vanished() -> None:
    assert vanished("settings", public_names.settings()) == []
    assert vanished("commands", public_names.commands()) == []


def test_no_route_metric_or_json_field_has_vanished(client: TestClient[Any]) -> None:
    assert vanished("routes", public_names.routes(client)) == []
    assert vanished("metrics", public_names.metrics(client)) == []
    assert vanished("json_fields", public_names.json_fields(client.get("/schema").json())) == []

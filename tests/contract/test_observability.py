"""Dashboard, alerts and autoscaling name metrics that the service really has."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml
from litestar.testing import TestClient
from prometheus_client.parser import text_string_to_metric_families

from tests.contract.deployment import DOCKER, source_manifests

_NAME = re.compile(r"\bwiththis_[a-z_]+\b")
_SELECTOR = re.compile(r"\b(withthis_[a-z_]+)\{([^}]*)\}")
_BY = re.compile(r"\bby \(([^)]*)\)")


@pytest.fixture(scope="module")
def dashboard() -> dict[str, Any]:
    text = (DOCKER / "observability/grafana/dashboards/withthis.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def expressions(dashboard: dict[str, Any]) -> list[str]:
    """Every PromQL expression of the dashboard, the alerts and the autoscaler."""
    panels = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    alerts = yaml.safe_load((DOCKER / "observability/alerts.yml").read_text(encoding="utf-8"))
    rules = [rule["expr"] for group in alerts["groups"] for rule in group["rules"]]
    return [*panels, *rules]


def served(client: TestClient[Any]) -> dict[str, set[str]]:
    """Sample names at /metrics and their labels, after one search and one scrape."""
    client.post("/v1/search", json={"text": "a mug"})
    client.app.state.metrics.looked_up("any", hit=True)
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(client.get("/metrics").text):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def test_every_metric_and_label_exists(client: TestClient[Any], dashboard: dict[str, Any]) -> None:
    real = served(client)
    for expression in expressions(dashboard):
        names = set(_NAME.findall(expression))
        assert names <= real.keys(), expression
        for name, selector in _SELECTOR.findall(expression):
            assert set(re.findall(r"(\w+)(?:=~|!=|!~|=)", selector)) <= real[name], expression
        labels = {label.strip() for group in _BY.findall(expression) for label in group.split(",")}
        if names:
            assert labels <= set().union(*(real[name] for name in names)), expression


def test_the_dashboard_shows_every_metric(client: TestClient[Any], dashboard: dict[str, Any]) -> None:
    shown = set(_NAME.findall(" ".join(expressions(dashboard))))
    for name in served(client):
        family = re.sub(r"_(bucket|count|sum|total|created)$", "", name)
        if name.startswith("withthis_") and not name.endswith("_created"):
            assert any(seen.startswith(family) for seen in shown), f"{name} is on no panel"


def test_panels_do_not_overlap_and_have_ids_of_their_own(dashboard: dict[str, Any]) -> None:
    cells = [
        (x, y)
        for panel in dashboard["panels"]
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(cells) == len(set(cells)) and all(x < 24 for x, _ in cells)
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])


def test_the_autoscaler_looks_at_a_metric_of_ours(client: TestClient[Any]) -> None:
    [autoscaler] = [found for found in source_manifests() if found["kind"] == "HorizontalPodAutoscaler"]
    [metric] = [entry["pods"]["metric"] for entry in autoscaler["spec"]["metrics"] if entry["type"] == "Pods"]
    assert {one["key"] for one in metric["selector"]["matchExpressions"]} <= served(client)[metric["name"]]
    adapter = yaml.safe_load((DOCKER / "kubernetes/components/autoscaling/prometheus-adapter-values.yaml").read_text())
    assert metric["name"] in [rule["name"]["as"] for rule in adapter["rules"]["custom"]]

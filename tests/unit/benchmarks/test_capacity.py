"""The capacity model stays near what was measured."""

from __future__ import annotations

import json

import pytest

from benchmarks.capacity import FACTOR, POINTS, QUANTITIES, Compared, compare


@pytest.mark.parametrize("row", compare(), ids=lambda row: f"{row.quantity}-{row.workload.get('index', '')}")
def test_the_model_is_within_the_factor_of_every_measured_point(row: Compared) -> None:
    assert row.factor <= FACTOR


def test_every_quantity_was_measured_and_the_machine_is_named() -> None:
    written = json.loads(POINTS.read_text(encoding="utf-8"))
    assert {point["quantity"] for point in written["points"]} == QUANTITIES.keys()
    assert {"machine", "versions", "date"} <= written.keys()

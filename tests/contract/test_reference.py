"""`docs/reference.md` is what the code says now, and what the code cannot say of itself is true, too."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any

from litestar.testing import TestClient
from prometheus_client.parser import text_string_to_metric_families

ROOT = Path(__file__).parents[2]
REFERENCE = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")


def test_the_reference_is_written_from_the_code_as_it_is() -> None:
    made = runpy.run_path(str(ROOT / "docs" / "make_reference.py"))["reference"]()
    assert made == REFERENCE, "run `make reference`"


def test_every_route_is_listed(client: TestClient[Any]) -> None:
    for route in client.app.routes:
        path = re.sub(r"\{(\w+):\w+\}", r"{\1}", route.path).removesuffix("/{file_path}").removesuffix("/{path}") or "/"
        assert re.search(rf"`(?:[A-Z]+ )?{re.escape(path)}`", REFERENCE), path


def test_every_metric_is_in_the_table_with_its_labels(client: TestClient[Any]) -> None:
    client.post("/v1/search", json={"text": "a mug"})
    families = text_string_to_metric_families(client.get("/metrics").text)
    shown = [family for family in families if family.samples and not family.name.endswith("_created")]
    assert len(shown) >= 6
    for family in shown:
        name = family.name + ("_total" if family.type == "counter" else "")
        row = re.search(rf"^\| `{name}` \| {family.type} \| (.*?)\| ", REFERENCE, re.MULTILINE)
        assert row, name
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        assert set(re.findall(r"`(\w+)`", row[1])) == labels, name


def test_every_make_target_says_what_it_does() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert phony
    for target in phony[1].split():
        assert f"| `make {target}` |" in REFERENCE

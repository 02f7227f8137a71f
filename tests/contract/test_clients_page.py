"""docs/clients.md lists every field of other services' clients, and what happens to it, as the code has them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from service.server.dialects.fields import EMBEDDINGS, RERANK, SCORE, ForeignField
from service.server.dialects.requests import MAX_DOCUMENTS, MAX_INPUTS

PAGE = (Path(__file__).parents[2] / "docs" / "clients.md").read_text(encoding="utf-8")
SECTIONS = {"## Fields of a ranking": RERANK, "## Fields of embeddings": EMBEDDINGS}


def row(name: str, field: ForeignField) -> str:
    """A field as the page has it."""
    here = "no effect"
    if field.harmless is not None:
        values = " or ".join(f"`{json.dumps(value)}`" for value in field.harmless)
        here = f"only {values}. {field.refusal}"
    return f"| `{name}` | {field.sent_by} | {here} |"


@pytest.mark.parametrize("heading", SECTIONS)
def test_every_field_and_no_other_is_in_its_table(heading: str) -> None:
    section = PAGE.partition(f"{heading}\n")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    assert rows == [row(name, field) for name, field in SECTIONS[heading].foreign.items()]


@pytest.mark.parametrize("dialect", [RERANK, SCORE, EMBEDDINGS])
def test_every_other_name_is_told(dialect: type) -> None:
    for name, ours in dialect.aliases.items():  # type: ignore[attr-defined]
        assert f"`{name}`" in PAGE and f"`{ours}`" in PAGE


def test_the_limits_are_those_of_the_code() -> None:
    assert f"At most {MAX_DOCUMENTS:,} documents and {MAX_INPUTS:,} inputs." in PAGE

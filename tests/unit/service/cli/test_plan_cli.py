"""`withthis plan`: quantities as people write them, a table, JSON, and errors that say what to give."""

from __future__ import annotations

import json

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from service.cli import app
from service.cli.plan import count

COMMAND = ["plan", "--products", "100M", "--qps", "500", "--rerank-share", "0.2"]


@given(st.integers(1, 10**9))
def test_counts_are_read_with_and_without_units(number: int) -> None:
    assert count(str(number)) == number
    assert count(f"{number}k") == number * 1000
    assert count(f" {number}.5M ") == number * 10**6 + 500_000


@pytest.mark.parametrize("text", ["", "-1", "1e6", "10 M", "1,000", "M", "٣", "1m"])
def test_other_counts_are_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        count(text)


def test_the_plan_as_json_says_what_each_number_rests_on() -> None:
    result = CliRunner().invoke(app, [*COMMAND, "--json", "--gpu", "l40s", "--prefill-tokens-per-s", "20000"])
    assert result.exit_code == 0
    plan = json.loads(result.stdout)
    assert plan["workload"]["products"] == 100_000_000
    assert plan["milvus"]["mode"] == "cluster" and plan["vlm"]["gpu"] == "l40s"
    assert {row["kind"] for row in plan["basis"]} == {"measured", "published", "assumed", "given"}


def test_the_plan_as_a_table() -> None:
    result = CliRunner().invoke(app, COMMAND)
    assert result.exit_code == 0
    assert "100,000,000 images" in result.output and "cost per month" in result.output


@pytest.mark.parametrize("wrong", [["--gpu", "abacus"], ["--index", "MAGIC"], ["--rerank-share", "7"], ["--qps", "-1"]])
def test_wrong_numbers_end_with_status_2_and_a_hint(wrong: list[str]) -> None:
    result = CliRunner().invoke(app, [*COMMAND, *wrong])
    assert result.exit_code == 2
    assert "Traceback" not in result.output

"""Files and functions stay small, and a name says which module is meant: the bounds that CONTRIBUTING promises."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path
from statistics import median

import pytest

from tests.contract.docs_pages import ROOT

PACKAGES = ("benchmarks", "docs", "rerank", "service", "starter", "tests", "withthis")
MEDIAN_FILE, LONGEST_FILE = 110, 400
MEDIAN_FUNCTION, LONGEST_FUNCTION = 8, 60
"""Lines, from the first to the last."""

MOST_OF_A_NAME = 3
EVERYWHERE = {"__init__.py", "__main__.py", "conftest.py"}
"""Names that Python and pytest give."""


@cache
def files() -> dict[Path, str]:
    """Every module and its source."""
    return {path: path.read_text("utf-8") for name in PACKAGES for path in sorted((ROOT / name).rglob("*.py"))}


@cache
def functions() -> dict[str, int]:
    """The lines of every function and method, by place."""
    return {
        f"{path.relative_to(ROOT)}:{node.lineno}: {node.name}": (node.end_lineno or node.lineno) - node.lineno + 1
        for path, source in files().items()
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def lines() -> dict[str, int]:
    """The lines of every module."""
    return {str(path.relative_to(ROOT)): len(source.splitlines()) for path, source in files().items()}


@pytest.mark.parametrize(
    ("measured", "typical", "most"),
    [(lines, MEDIAN_FILE, LONGEST_FILE), (functions, MEDIAN_FUNCTION, LONGEST_FUNCTION)],
    ids=["files", "functions"],
)
def test_they_are_small(measured: Callable[[], dict[str, int]], typical: int, most: int) -> None:
    sizes = measured()
    assert median(sizes.values()) <= typical
    assert {place: size for place, size in sizes.items() if size > most} == {}


def test_a_name_stands_for_few_modules() -> None:
    names = Counter(path.name for path in files() if path.name not in EVERYWHERE)
    assert {name: count for name, count in names.items() if count > MOST_OF_A_NAME} == {}

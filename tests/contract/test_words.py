"""Prose is American English with one term per concept: image, catalog, color; names are in single backticks.

Checked are the pages, docstrings, comments, and all strings with several words, which may be shown to a user. Names,
such as anything in backticks, are exempt.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.docs_pages import PAGES, ROOT, prose

PACKAGES = ("benchmarks", "docker", "docs", "rerank", "service", "starter", "tests")
MORE_PAGES = ("THIRD_PARTY.md", "benchmarks/README.md", "findings/README.md", "starter/README.md")
UNWANTED = re.compile(
    r"\b(?:pictur|catalogue|colour|behaviour|licence|likeness|neighbour|favour|honour|centre|artefact|misspelt)\w*"
    r"|\b(?:quanti|normali|recogni|optimi|initiali|seriali|summari|saniti|organi|randomi|tokeni)s(?:e|ed|es|er|ing|ation)\b"
    r"|\b(?:anew|for ever|in the box|in the mean|let go of|passed over)\b"
    r"|\bwhat became of\b|\bthe way of a query\b|\border of retrieval\b"
    r"|:(?:attr|class|data|exc|func|meth|mod):`|``",
    re.IGNORECASE,
)
NAMES = re.compile(r"(?<![`:])`[^`\n]+`(?!`)|\[\w+\]|https?://\S+|\b[\w./-]*[_/][\w./-]*\b|--[\w-]+")
"""Names in code, which are spelled as the code has them: in backticks, with an underscore, paths and options."""

PUBLISHED = {
    *("PictureBody", "same_picture", "without_picture", "pictures_per_product"),
    *("picture_kb", "query_picture_kb", "pictures_gb", "pictures_mbit_s"),
}
"""Names of JSON fields and of a schema, which clients and scripts read, and of the fields that they are made from."""

DATA = {"starter/catalogue.py", "starter/training/phrases.py", "service/stores/filters.py"}
"""They hold data of the shop or of training: a column `colour`, and what shoppers write."""


def unwanted(text: str) -> list[str]:
    """The unwanted words of a text, outside of names."""
    return [found[0] for found in UNWANTED.finditer(NAMES.sub(" ", text))]


def texts(source: str, *, strings: bool = True) -> Iterator[tuple[int, str]]:
    """Line and text of comments and docstrings, and with `strings` of all strings that have words."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
    tree = ast.parse(source)
    said = ast.walk(tree) if strings else (node.value for node in ast.walk(tree) if isinstance(node, ast.Expr))
    for node in said:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value.strip():
            yield node.lineno, node.value


@pytest.mark.parametrize("package", PACKAGES)
def test_the_code_speaks_the_words_of_the_field(package: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}: {word}"
        for path in sorted((ROOT / package).rglob("*.py"))
        if str(path.relative_to(ROOT)) not in DATA
        for line, text in texts(path.read_text("utf-8"), strings=package != "tests")
        for word in unwanted(text)
    ]
    assert found == []


@pytest.mark.parametrize("package", PACKAGES)
def test_an_image_is_an_image_in_names_too(package: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{token.start[0]}: {token.string}"
        for path in sorted((ROOT / package).rglob("*.py"))
        for token in tokenize.generate_tokens(io.StringIO(path.read_text("utf-8")).readline)
        if token.type == tokenize.NAME and "pictur" in token.string.lower() and token.string not in PUBLISHED
    ]
    assert found == []


@pytest.mark.parametrize(
    "page", [*PAGES, *map(ROOT.joinpath, MORE_PAGES)], ids=lambda page: str(page.relative_to(ROOT))
)
def test_the_pages_speak_the_words_of_the_field(page: Path) -> None:
    assert unwanted(prose(page)) == []


def test_the_search_page_speaks_the_words_of_the_field() -> None:
    static = ROOT / "service" / "server" / "page" / "static"
    html = re.sub(
        r'(?:id|for|class|href|data-view|aria-labelledby)="[^"]*"', "", (static / "index.html").read_text("utf-8")
    )
    assert unwanted(html) == []


@pytest.mark.parametrize("text", ["the picture of a query", "A catalogue", "``name``", "is made anew", ":func:`x`"])
def test_an_unwanted_word_is_found(text: str) -> None:
    assert unwanted(text)


@pytest.mark.parametrize(
    "text", ["`--picture FILE`", "`attributes.colour`", "starter/catalogue.py", "WITHTHIS_ENGINE_QUANTISATION"]
)
def test_a_name_is_left_alone(text: str) -> None:
    assert not unwanted(text)

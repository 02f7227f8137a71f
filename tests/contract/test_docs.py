"""Every block of the documentation is run or read, every link leads somewhere, and every name exists."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from service import errors
from tests.contract.docs_pages import PAGES, ROOT, Block, anchors, blocks, inline_code, links, prose
from tests.contract.docs_readers import check_options, check_shell
from tests.contract.docs_runner import ADDRESS, PRODUCTS, SETTINGS, Runner, World, open_world

MAKES_SHOP = f"python -m starter.catalogue shop --products {PRODUCTS}"
ERRORS = [
    found
    for found in vars(errors).values()
    if isinstance(found, type) and issubclass(found, errors.WithThisError) and found is not errors.WithThisError
]

FOLDERS = ("benchmarks", "docker", "docs", "rerank", "service", "starter", "tests")

page_by_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One service for all pages."""
    with open_world(tmp_path_factory.mktemp("documentation")) as opened:
        yield opened


@page_by_page
def test_blocks(page: Path, world: World, tmp_path: Path) -> None:
    runner = Runner(tmp_path, world)
    done = []
    for block in blocks(page):
        try:
            done.append(runner.do(block))
        except Exception as error:
            raise AssertionError(f"{block.place}: {error}") from error
    assert done == [block.kind != "not run" and block.language != "text" for block in blocks(page)]


@page_by_page
def test_links(page: Path) -> None:
    for link in links(page):
        if "://" in link or link.startswith("mailto:"):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists() and target.is_relative_to(ROOT), f"{page.name}: {link}"
        assert not anchor or anchor in anchors(target), f"{page.name}: {link}"


@page_by_page
def test_names(page: Path) -> None:
    """Settings, commands with their options, files, modules and make targets."""
    text = page.read_text("utf-8")
    assert set(re.findall(r"WITHTHIS_[A-Z_]*[A-Z]", text)) <= SETTINGS
    for code in inline_code(page):
        if code.startswith("withthis ") and "…" not in code:
            check_options(code)
    for path in re.findall(rf"(?<![\w./-])(?:{'|'.join(FOLDERS)})/[\w./-]*\w", text):
        assert (ROOT / path).exists() or (page.parent / path).exists(), path
    for module in re.findall(r"python -m ((?:benchmarks|starter|docker|service)[a-z_.]*[a-z])", text):
        path = ROOT / module.replace(".", "/")
        assert path.with_suffix(".py").exists() or (path / "__main__.py").exists() or path.is_dir(), module
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = re.findall(r"^make ([a-z-]+)|`make ([a-z-]+)[^`]*`", text, re.MULTILINE)
    assert {first or second for first, second in named} <= targets


def test_every_page_is_reached_from_the_readme() -> None:
    reached = {(ROOT / link.partition("#")[0]).resolve() for link in links(ROOT / "README.md")}
    assert set(PAGES) - {ROOT / "README.md"} <= reached


def test_the_shop_of_the_pages_is_the_one_that_they_make() -> None:
    assert MAKES_SHOP in (ROOT / "docs" / "catalog.md").read_text("utf-8")


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_every_error_is_in_the_faq(error: type[errors.WithThisError]) -> None:
    rows = prose(ROOT / "docs" / "faq.md")
    assert f"| `{error.type}` | {error.status} | {error.title} |" in rows


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("withthis search --colour red", "No such option"),
        ("export WITHTHIS_FUSION_WEIGHT=2\nwiththis serve", "FUSION_WEIGHT"),
        ("withthis index", "Missing"),
        ("docker compose up && withthis nothing # all", "No such command"),
    ],
)
def test_a_block_that_is_not_run_is_read(text: str, said: str) -> None:
    with pytest.raises(Exception, match=said):
        check_shell(text)


def block(language: str, text: str, kind: str | None = None, what: str = "") -> Block:
    return Block(Path("page.md"), 1, language, text, kind, what)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (block("sh", "true\nfalse\ntrue"), "exit status 1"),
        (block("sh", "withthis search --text a --filter nonsense | cat"), "is not JSON"),
        (block("sh", f"curl -s {ADDRESS}/v1/nothing"), "no-such-route"),
        (block("sh", "true", "fails", "anything"), "does not fail"),
        (block("sh", "false", "fails", "anything"), "anything"),
        (block("python", "from withthis import Nothing"), "Nothing"),
        (block("json", "{}"), "cannot be run"),
        (block("json", '{"limit": 0}', "send", "POST /v1/search"), "invalid-value"),
        (block("json", '{"results": [{"product": {"colour": "red"}}]}', "answer", "SearchOut"), "no field colour"),
        (block("toml", "colour = 1", "file", "withthis.toml"), "unknown settings: colour"),
        (block("yaml", "name: nothing", "file", "experiment.yaml"), "data"),
        (block("yaml", "id: rank", "file", "prompts/rank.yaml"), "rank.yaml"),
        (block("perl", ""), "'perl' cannot be run"),
    ],
)
def test_a_block_that_is_wrong_fails(wrong: Block, said: str, world: World, tmp_path: Path) -> None:
    with pytest.raises(Exception, match=re.escape(said)):
        Runner(tmp_path, world).do(wrong)


def test_a_shell_keeps_what_a_block_exports(world: World, tmp_path: Path) -> None:
    runner = Runner(tmp_path, world)
    runner.do(block("sh", "export WITHTHIS_LOG_LEVEL=ERROR\nmkdir made\n"))
    runner.do(block("sh", 'test "$WITHTHIS_LOG_LEVEL" = ERROR\ntest -d made\n'))

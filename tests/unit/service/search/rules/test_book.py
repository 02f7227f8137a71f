"""The file of rules: read when it changes, replaced as a whole, and never the reason that a search fails."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from service.errors import ConfigurationError, RulesNotSaved, RulesOff
from service.search.rules.book import RuleBook, read_rules
from service.wire.rules import RulesBody

RULES = """
rules:
  - name: out of stock last
    last: {attributes.availability: {eq: out of stock}}
  - name: sale
    when: {contains: [coat], since: 2026-11-27T00:00:00+01:00}
    boost: {filter: {attributes: {sale: {eq: true}}}, weight: 3}
    pin: [{product_id: p7, position: 1}]
"""


def test_an_edited_file_is_read_again_and_a_broken_one_changes_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text("")
    book = RuleBook(path)
    assert book.rules() == RulesBody()
    path.write_text(RULES)
    assert [rule.name for rule in book.rules().rules] == ["out of stock last", "sale"]
    path.write_text("rules: [{name: x}]")
    with caplog.at_level(logging.ERROR):
        assert [len(book.rules().rules) for _ in range(3)] == [2, 2, 2]
    assert len(caplog.records) == 1 and "rules.0: a rule needs at least one of" in caplog.text
    path.unlink()
    assert len(book.rules().rules) == 2


def test_rules_that_are_put_are_in_the_file_for_every_process(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(RULES)
    mine, others = RuleBook(path), RuleBook(path)
    given = RulesBody(rules=mine.rules().rules[1:])
    mine.replace(given)
    assert mine.rules() == others.rules() == read_rules(path) == given
    assert os.listdir(tmp_path) == ["rules.yaml"], "nothing is left beside it"


def test_without_a_file_or_its_folder_nothing_is_put(tmp_path: Path) -> None:
    with pytest.raises(RulesOff):
        RuleBook(None).replace(RulesBody())
    assert RuleBook(None).rules() == RulesBody()
    folder = tmp_path / "folder"
    folder.mkdir()
    path = folder / "rules.yaml"
    path.write_text(RULES)
    book = RuleBook(path)
    path.unlink()
    folder.rmdir()
    with pytest.raises(RulesNotSaved):
        book.replace(RulesBody())
    assert len(book.rules().rules) == 2


@pytest.mark.parametrize(
    "content", ["rules: [", "[]", "rules: 3", "rules: [{name: a, exclude: {prise: {gt: 1}}}]", "\0"]
)
def test_a_file_that_is_not_valid_is_a_clear_error_at_the_start(tmp_path: Path, content: str) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(content)
    with pytest.raises(ConfigurationError, match="WITHTHIS_RULES"):
        RuleBook(path)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        RuleBook(tmp_path / "nowhere.yaml")

"""The file of synonyms."""

from pathlib import Path

import pytest

from service.errors import ConfigurationError
from service.search.understanding.synonyms import read_synonyms


def test_words_and_lists_of_words_are_read(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text("Sneakers: [shoes, Running Shoes]\ncrimson: red\n")
    assert read_synonyms(tmp_path / "s.yaml") == {
        ("sneaker",): (("shoe",), ("running", "shoe")),
        ("crimson",): (("red",),),
    }
    assert read_synonyms(None) == {}
    (tmp_path / "s.yaml").write_text("# none yet\n")
    assert read_synonyms(tmp_path / "s.yaml") == {}


@pytest.mark.parametrize(("content", "word"), [("crimson: red\n501: jeans\n", "501"), ("no: nein\n", "False")])
def test_the_entry_that_yaml_reads_otherwise_is_named(tmp_path: Path, content: str, word: str) -> None:
    (tmp_path / "s.yaml").write_text(content)
    with pytest.raises(ConfigurationError, match=f"{word} does not fit, and numbers, yes and no need quotes"):
        read_synonyms(tmp_path / "s.yaml")


@pytest.mark.parametrize("content", ["- a\n", "a: {b: c}\n", "a: [1]\n", "1: a\n", "a: [\n", "x" * 2**21])
def test_another_content_is_refused_with_the_file_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(content)
    with pytest.raises(ConfigurationError, match=r"s\.yaml.*WITHTHIS_SYNONYMS"):
        read_synonyms(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="nowhere"):
        read_synonyms(tmp_path / "nowhere.yaml")

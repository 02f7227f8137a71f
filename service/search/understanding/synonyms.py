"""The synonyms of a shop: a YAML file that maps words to the catalog's words.

    sneakers: [shoes, trainers]
    crimson: red

Plurals and case do not count. A word means all values of which it is a synonym, and itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from service.search.operator_file import OperatorFile
from service.search.understanding.sentence import stems

MOST_SYNONYMS = 10_000
_WRONG = "must hold a mapping from words to a word or a list of words, such as `sneakers: [shoes, trainers]`"
Synonyms = Mapping[tuple[str, ...], tuple[tuple[str, ...], ...]]


def read_synonyms(path: Path | None) -> Synonyms:
    """The synonyms in a file as stems; an empty one has none. Raises ConfigurationError."""
    if path is None:
        return {}
    file = OperatorFile("synonyms", "WITHTHIS_SYNONYMS", path)
    content = file.read()
    if content is None:
        return {}
    if not isinstance(content, dict) or len(content) > MOST_SYNONYMS:
        raise file.wrong(_WRONG)
    return dict(_entry(file, word, meant) for word, meant in content.items())


def _entry(file: OperatorFile, word: object, meant: object) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    given = meant if isinstance(meant, list) else [meant]
    others = [other for other in given if isinstance(other, str)]
    if not isinstance(word, str) or len(others) < len(given):
        raise file.wrong(f"{_WRONG}; {repr(word)[:60]} does not fit, and numbers, yes and no need quotes")
    return stems(word), tuple(stems(other) for other in others)

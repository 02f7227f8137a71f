"""The synonyms of a shop: a YAML file that maps words to the catalog's words.

    sneakers: [shoes, trainers]
    crimson: red

Plurals and case do not count. A word means all values of which it is a synonym, and itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import yaml

from service.errors import ConfigurationError
from service.search.understanding.sentence import stems

MOST_SYNONYMS = 10_000
_MOST_BYTES = 2**20
_WRONG = "must hold a mapping from words to a word or a list of words, such as `sneakers: [shoes, trainers]`"
Synonyms = Mapping[tuple[str, ...], tuple[tuple[str, ...], ...]]


def read_synonyms(path: Path | None) -> Synonyms:
    """The synonyms in a file as stems. Raises ConfigurationError."""
    if path is None:
        return {}
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
        if len(data) > _MOST_BYTES:
            raise _wrong(path, "is larger than 1 MiB")
        content = yaml.safe_load(data)
    except OSError as error:
        raise _wrong(path, "cannot be read") from error
    except (yaml.YAMLError, ValueError) as error:
        raise _wrong(path, "is not YAML") from error
    if not isinstance(content, dict) or len(content) > MOST_SYNONYMS:
        raise _wrong(path, _WRONG)
    return dict(_entry(path, word, meant) for word, meant in content.items())


def _entry(path: Path, word: object, meant: object) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    given = meant if isinstance(meant, list) else [meant]
    others = [other for other in given if isinstance(other, str)]
    if not isinstance(word, str) or len(others) < len(given):
        raise _wrong(path, _WRONG)
    return stems(word), tuple(stems(other) for other in others)


def _wrong(path: Path, what: str) -> ConfigurationError:
    return ConfigurationError(f"The file of synonyms, {path}, {what}. See WITHTHIS_SYNONYMS.")

"""Which motifs are never trained on: the held-out concepts, and a development set for choices during development.

The lists live in `starter/concepts.json` and are written once by `python -m starter.training.split`. A concept is
held out in every style and under every name: training artwork whose names contain a held-out name is dropped.
"""

import json
import re
from functools import cache
from importlib.resources import files
from typing import Literal


@cache
def concept_names(split: Literal["dev", "held-out"]) -> dict[str, str]:
    """Emoji code (hexadecimal, as in the artwork archive) → English name, for one reserved split."""
    lists: dict[str, dict[str, str]] = json.loads(files("starter").joinpath("concepts.json").read_text("utf-8"))
    return lists[split]


def _words(name: str) -> str:
    return " " + re.sub(r"[^a-z0-9]+", " ", name.lower()).strip() + " "


@cache
def _reserved_phrases() -> tuple[str, ...]:
    names = [*concept_names("dev").values(), *concept_names("held-out").values()]
    return tuple(phrase for name in names for phrase in (_words(name), _words(name).rstrip() + "s "))


def mentions_reserved(names: list[str]) -> bool:
    """Whether any of `names` contains the whole words of a held-out or development concept (singular or plural)."""
    return any(phrase in _words(name) for name in names for phrase in _reserved_phrases())

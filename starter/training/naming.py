"""What the namer may call a thing: chains of names, from the exact one to broader ones, read from `names.json`.

A class without a name (people, the human body, flags, signs) has an empty chain: it is learned so that such an image
is not taken for something else, and never spoken of.
"""

import json
from functools import cache
from importlib.resources import files
from typing import Any

from starter.training.emoji import EmojiConcept
from starter.training.phrases import article

Chain = tuple[str, ...]


@cache
def _table() -> dict[str, Any]:
    table: dict[str, Any] = json.loads(files("starter").joinpath("training", "names.json").read_text("utf-8"))
    return table


def _chain(name: str, broader: str | None) -> Chain:
    """The name, and what is broader; what the table says of a name itself counts more than what its group says."""
    names, above = [name], _table()["broader"]
    following = above.get(name, broader)
    while following is not None and following not in names:
        names.append(following)
        following = above.get(following)
    return tuple(names)


def emoji_chain(concept: EmojiConcept) -> Chain:
    """Names of an emoji; empty where its group or the emoji itself is not to be named."""
    group = _table()["emoji"].get(concept.subgroup)
    if group is None or concept.name in group.get("unnamed", ()):
        return ()
    return _chain(_called(concept.name), None if concept.name in group.get("alone", ()) else group.get("broader"))


def photograph_chain(label: str) -> Chain:
    """Names of a label of the photographs; empty for one that the table does not hold."""
    for name, entry in _table()["photographs"].items():
        if label in entry["labels"]:
            return _chain(name, entry.get("broader"))
    return ()


def kind_chain(kind: str) -> Chain:
    """Names of one of the kinds of product that the demo draws."""
    named = _table()["kinds"].get(kind, [article(kind)])
    return _chain(named[0], named[1] if len(named) > 1 else None)


def _called(name: str) -> str:
    table = _table()
    if (called := table["called"].get(name)) is not None:
        return str(called)
    is_plural = name.endswith("s") and not name.endswith("ss") and name.rsplit(maxsplit=1)[-1] not in table["singular"]
    return name if is_plural or name in table["bare"] else article(name)

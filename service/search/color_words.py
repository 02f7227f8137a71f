"""English color words, each with the basic colors that it may mean.

The eleven basic color terms are those of Berlin and Kay, "Basic Color Terms", 1969. Shades are what shops call them;
one between two basic colors stands for both, so that "teal" contradicts neither "blue" nor "green".
"""

import re

_BASIC = ("black", "white", "red", "green", "yellow", "blue", "brown", "purple", "pink", "orange", "grey")
_SHADES = {
    "gray": "grey",
    "silver": "grey",
    "charcoal": "grey black",
    "anthracite": "grey black",
    "cream": "white yellow",
    "ivory": "white yellow",
    "beige": "brown white yellow",
    "tan": "brown yellow",
    "camel": "brown yellow",
    "khaki": "green brown yellow",
    "gold": "yellow brown",
    "golden": "yellow brown",
    "mustard": "yellow brown",
    "bronze": "brown",
    "copper": "brown orange",
    "coral": "orange pink red",
    "peach": "orange pink",
    "salmon": "orange pink",
    "rust": "orange brown red",
    "burgundy": "red purple",
    "maroon": "red brown",
    "crimson": "red",
    "scarlet": "red",
    "magenta": "pink purple",
    "fuchsia": "pink purple",
    "rose": "pink",
    "lilac": "purple pink",
    "lavender": "purple",
    "violet": "purple",
    "mauve": "purple pink",
    "plum": "purple",
    "indigo": "blue purple",
    "navy": "blue",
    "azure": "blue",
    "turquoise": "blue green",
    "teal": "blue green",
    "cyan": "blue green",
    "aqua": "blue green",
    "mint": "green",
    "olive": "green brown",
    "lime": "green yellow",
    "emerald": "green",
}
_AMBIGUOUS = frozenset(
    {"rose", "orange", "peach", "olive", "lime", "plum", "salmon", "mint", "coral", "camel", "gold", "silver", "copper"}
    | {"bronze", "rust", "cream", "mustard", "emerald", "lavender", "violet", "lilac"}
)
"""Words that also name a thing: "a rose" says nothing of a color."""

COLORS = {**{name: frozenset({name}) for name in _BASIC}, **{k: frozenset(v.split()) for k, v in _SHADES.items()}}
"""Color word, lower case → the basic colors that it may stand for."""

_WORD = re.compile(r"[a-z]+")


def color_words(text: str, *, things: bool = True) -> list[str]:
    """The color words of a text in order; `things`: also those that name a thing ("rose", "orange")."""
    found = [word for word in _WORD.findall(text.lower()) if word in COLORS]
    return found if things else [word for word in found if word not in _AMBIGUOUS]


def basic_colors(words: list[str]) -> frozenset[str]:
    """All basic colors that any of the words may stand for."""
    return frozenset[str]().union(*(COLORS[word] for word in words))

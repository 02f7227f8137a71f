"""The emoji concepts, their names, and which of them make good, distinct motifs."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

_MOTIF_SUBGROUPS = frozenset(
    [
        "animal-mammal",
        "animal-bird",
        "animal-amphibian",
        "animal-reptile",
        "animal-marine",
        "animal-bug",
        "plant-flower",
        "plant-other",
        "food-fruit",
        "food-vegetable",
        "food-prepared",
        "food-asian",
        "food-sweet",
        "drink",
        "place-geographic",
        "place-building",
        "place-religious",
        "place-other",
        "transport-ground",
        "transport-water",
        "transport-air",
        "sky-weather",
        "event",
        "sport",
        "game",
        "arts-crafts",
        "clothing",
        "musical-instrument",
        "light-video",
        "tool",
        "science",
        "household",
        "other-object",
    ]
)
_NEAR_DUPLICATE = re.compile(
    r"moon|oncoming|camera with|tilted right|\bface\b|sun behind|cloud with|medal|suit|umbrella |glass of|post office"
    r"|houses|department|convenience|love hotel|office building|cityscape|sunrise|bridge|railway car|light rail|metro"
    r"|station|tram car|guide dog|service dog|black cat|dog face|baby chick|hatching|with popping|clinking|woman’s"
    r"|man’s|headstone|coffin|brown"
)
_PRODUCT_WORDS = re.compile(
    r"t-shirt|shirt|skateboard|notebook|cap\b|backpack|phone|clock|plate|mug|poster|bag|basket|case"
)


@dataclass(frozen=True, slots=True)
class EmojiConcept:
    """One emoji: hexadecimal code (lower case, as in `1f406`), English name, further names, subgroup."""

    code: str
    name: str
    tags: tuple[str, ...]
    subgroup: str

    @property
    def distinct(self) -> bool:
        """Whether it is a nameable motif of its own rather than a variant of another or a product of the shop."""
        if self.subgroup not in _MOTIF_SUBGROUPS:
            return False
        return not (_NEAR_DUPLICATE.search(self.name) or _PRODUCT_WORDS.search(self.name))


def read_emoji(package: Path) -> list[EmojiConcept]:
    """The concepts of npm `emojibase-data` (MIT) without flags, keycaps, letters and skin-tone parts."""
    subgroups = json.loads((package / "meta/groups.json").read_text("utf-8"))["subgroups"]
    concepts = []
    for row in json.loads((package / "en/data.json").read_text("utf-8")):
        if "group" not in row or row["group"] in (2, 9):
            continue
        subgroup = subgroups[str(row["subgroup"])]
        if subgroup in ("keycap", "alphanum", "arrow", "geometric", "family"):
            continue
        name = row["label"].lower().replace("’", "'")
        concepts.append(EmojiConcept(row["hexcode"].lower(), name, tuple(row.get("tags", ())), subgroup))
    return concepts

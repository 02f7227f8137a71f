"""Choose the held-out and development concepts, once: `python -m starter.training.split` → `starter/concepts.json`.

The pool is every distinct emoji motif that exists in all four styles and whose name is not so common in Open Clip Art
that reserving it would empty the training set. The choice is a seeded shuffle, made before any model was trained; the
leopard of the demo is held out by decree.
"""

import json
import random
from collections import Counter
from pathlib import Path

from starter.training.artwork import EMOJI_STYLES, EmojiArtists, clip_art
from starter.training.emoji import EmojiConcept, read_emoji
from starter.training.packages import Packages

HELD_OUT, DEVELOPMENT, SEED = 170, 40, 20261121
LEOPARD = "1f406"
_TOO_COMMON = 25


def _pool(packages: Packages) -> list[EmojiConcept]:
    artists = EmojiArtists(packages.root, packages.noto_font)
    words: Counter[str] = Counter()
    for _, names, _ in clip_art(packages.clip_art_png, packages.clip_art_svg):
        words.update({word for name in names for word in name.replace(",", " ").split()})
    concepts = [concept for concept in read_emoji(packages.root / "emojibase") if concept.distinct]
    rare = [concept for concept in concepts if words[concept.name] <= _TOO_COMMON]
    return [concept for concept in rare if all(artists.draw(style, concept.code) for style in EMOJI_STYLES)]


def main() -> None:
    """Write the two lists, each code → name in code order."""
    pool = _pool(Packages.default())
    random.Random(SEED).shuffle(pool)
    pool.sort(key=lambda concept: concept.code != LEOPARD)
    reserved = {"held-out": pool[:HELD_OUT], "dev": pool[HELD_OUT : HELD_OUT + DEVELOPMENT]}
    lists = {
        split: {c.code: c.name for c in sorted(chosen, key=lambda c: c.code)} for split, chosen in reserved.items()
    }
    text = json.dumps(lists, indent=1, ensure_ascii=False) + "\n"
    Path(__file__).parents[1].joinpath("concepts.json").write_text(text, "utf-8")
    print(f"pool {len(pool)}: held out {len(lists['held-out'])}, development {len(lists['dev'])}")


if __name__ == "__main__":
    main()

"""What shoppers write: paraphrased templates for every kind of query, and synonyms of the product kinds."""

import random

SYNONYMS: dict[str, tuple[str, ...]] = {
    "phone case": ("phone cover", "smartphone case", "case for my phone", "mobile case"),
    "mug": ("cup", "coffee mug", "coffee cup"),
    "t-shirt": ("tee", "shirt", "tshirt"),
    "hoodie": ("hooded sweatshirt", "hooded sweater", "hoody"),
    "tote bag": ("shopping bag", "canvas bag", "shopper"),
    "cushion": ("pillow", "throw pillow", "cushion cover"),
    "poster": ("wall art", "framed print", "art print"),
    "cap": ("baseball cap", "hat"),
    "plate": ("dish", "dinner plate"),
    "notebook": ("notepad", "spiral notebook", "journal"),
    "skateboard": ("skate deck", "board to skate on"),
    "clock": ("wall clock",),
    "water bottle": ("drinking bottle", "flask", "thermos"),
    "backpack": ("rucksack", "school bag"),
    "apron": ("kitchen apron", "cooking apron"),
    "sticker": ("round sticker", "decal"),
}
_COMPOSED = (
    "{a} with this", "{a} with this", "this on {a}", "{a} with this picture", "{a} like this", "{a} showing this",
    "{a} with this image theme", "put this on {a}", "{a} with this motif", "i want {a} with this on it", "{a}",
    "{a}, this theme",
)  # fmt: skip
_TEXT = (
    "{a} with {m}",
    "{a} with {m}",
    "{m} on {a}",
    "{a} showing {m}",
    "{bare} {k}",
    "{bare} {k}",
    "{k} with {m} on it",
    "{k} {bare}",
)
_NAME = ("{bare}", "{m}", "a picture of {m}", "{m}, illustration", "an image of {m}")
_SWAP = (
    "this design on {a}", "this design on {a}", "{a} with the same design", "the same but {a}", "same motif on {a}",
    "this but as {a}", "{a} with this print", "the same picture on {a}",
)  # fmt: skip
_RECOLOUR = ("the same in {c}", "this in {c}", "but in {c}", "in {c} instead", "the {c} one", "make it {c}")


def article(noun: str) -> str:
    """The noun with "a" or "an"; plurals and masses are left to the shopper."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _product(kind: str, colour: str | None, rng: random.Random) -> str:
    noun = rng.choice(SYNONYMS[kind]) if rng.random() < 0.25 else kind
    return f"{colour} {noun}" if colour else noun


def composed(kind: str, colour: str | None, rng: random.Random) -> str:
    """For a motif image: "a red mug with this"."""
    return rng.choice(_COMPOSED).format(a=article(_product(kind, colour, rng)))


def text_only(kind: str, colour: str | None, name: str, rng: random.Random) -> str:
    """Without an image: "a red mug with a leopard"."""
    product = _product(kind, colour, rng)
    return rng.choice(_TEXT).format(a=article(product), k=product, m=_motif(name, rng), bare=name)


def named(name: str, rng: random.Random) -> str:
    """The motif alone: "a picture of a leopard"."""
    return rng.choice(_NAME).format(m=_motif(name, rng), bare=name)


def swapped(kind: str, colour: str | None, rng: random.Random) -> str:
    """For a product image: "this design on a cushion"."""
    return rng.choice(_SWAP).format(a=article(_product(kind, colour, rng)))


def recoloured(colour: str, rng: random.Random) -> str:
    """For a product image: "the same in blue"."""
    return rng.choice(_RECOLOUR).format(c=colour)


def _motif(name: str, rng: random.Random) -> str:
    return article(name) if rng.random() < 0.8 else name


def described(kind: str, colour: str, name: str) -> str:
    """What a product image shows: "a red mug with a leopard"."""
    return f"{article(f'{colour} {kind}')} with {article(name)}"

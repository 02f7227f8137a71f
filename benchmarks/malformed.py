"""A seeded corpus of well-formed and malformed answers, as reranking models give them.

Every answer comes twice, written by the same template: with the letters that our prompts ask for, and with the numbers
that digit-scraping peers ask for. So each way of reading gets the fault in the format that it asked for itself.

`wanted` are the orders that a careful reader would accept: what the answer says, each candidate at the first place
that it is given, and those not named behind in retrieval order. An answer that names nobody leaves that order as it is.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from rerank.labels import MAX_LABELS, labels
from rerank.ranking import Ranking

Order = tuple[int, ...]
Names = Sequence[str]
"""What the candidates are called, by position, with some more names that nobody has."""

SIZES = range(2, MAX_LABELS + 1)

_ONES = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_TEENS = ("ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen")
_WORDS = (*_ONES, *_TEENS, "twenty", *(f"twenty-{one}" for one in _ONES))


@dataclass(frozen=True, slots=True)
class Answer:
    """One text of a model."""

    text: str
    wanted: frozenset[Order]
    """Empty where readers would differ."""
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class Case:
    """The same answer with letters and with numbers, about `n` candidates."""

    kind: str
    n: int
    letters: Answer
    numbers: Answer


Shape = Callable[[Order, Names, random.Random], Answer]
"""An answer that means this order, with these names. Draws the same from the dice whatever the names are."""


def corpus(seed: int = 8, repeats: int = 4, sizes: Sequence[int] = SIZES) -> Iterator[Case]:
    """So many answers of each kind for every number of candidates, and one a length for those that are cut off."""
    for n in sizes:
        for kind, shape in SHAPES.items():
            for repeat in range(repeats):
                yield _case(kind, n, shape, f"{seed}/{kind}/{n}/{repeat}")
        yield from _cut_off(n, f"{seed}/cut off/{n}")


def _case(kind: str, n: int, shape: Shape, seed: str) -> Case:
    order = _order(n, seed)
    with_letters, with_numbers = (shape(order, names, random.Random(seed)) for names in (_letters(n), _numbers(n)))
    return Case(kind, n, with_letters, with_numbers)


def _cut_off(n: int, seed: str) -> Iterator[Case]:
    """The agreed answer with as much as a token limit let through: with letters every length, with numbers that share.

    A label whose closing quote is missing may count or not.
    """
    order = _order(n, seed)
    lengths = len(_agreed(order, _letters(n)))
    both = [_all_cuts(order, names, lengths) for names in (_letters(n), _numbers(n))]
    yield from (Case("cut off", n, letters, numbers) for letters, numbers in zip(*both, strict=True))


def _all_cuts(order: Order, names: Names, steps: int) -> Iterator[Answer]:
    whole, n = _agreed(order, names), len(order)
    ends = [len(json.dumps({"ranking": [names[place] for place in order[:k]]})) - len("]}") for k in range(1, n + 1)]
    orders = [Ranking.completed(order[:k], n).order for k in range(n + 1)]
    for step in range(steps):
        text = whole[: step * len(whole) // steps]
        named = {sum(end - unquoted <= len(text) for end in ends) for unquoted in (0, 1)}
        yield Answer(text, frozenset(orders[k] for k in named), truncated=True)


def _order(n: int, seed: str) -> Order:
    return tuple(random.Random(seed).sample(range(n), n))


def _letters(n: int) -> Names:
    return [*labels(MAX_LABELS), "AA", "AB", "ZZ"][: n + 3]


def _numbers(n: int) -> Names:
    return [str(place) for place in range(1, n + 4)]


def _means(text: str, named: Sequence[int], n: int, *, truncated: bool = False) -> Answer:
    return Answer(text, frozenset({Ranking.completed(named, n).order}), truncated)


def _agreed(order: Sequence[int], names: Names, reason: str = "it shows the same leopard") -> str:
    return json.dumps({"ranking": [names[place] for place in order], "reason": reason}, ensure_ascii=False)


def _chain(order: Sequence[int], names: Names) -> str:
    return " > ".join(f"[{names[place]}]" for place in order)


def _plain(order: Order, names: Names, _: random.Random) -> Answer:
    return _means(_agreed(order, names), order, len(order))


def _fenced(order: Order, names: Names, _: random.Random) -> Answer:
    return _means(f"Sure!\n```json\n{_agreed(order, names)}\n```\n", order, len(order))


def _missing(order: Order, names: Names, dice: random.Random) -> Answer:
    named = order[: dice.randrange(1, len(order))]
    return _means(_agreed(named, names), named, len(order))


def _repeated(order: Order, names: Names, dice: random.Random) -> Answer:
    written = [*order, *dice.choices(order, k=3)]
    return _means(_agreed(written, names), order, len(order))


def _out_of_range(order: Order, names: Names, dice: random.Random) -> Answer:
    written = list(order)
    for unknown in range(len(order), len(names)):
        written.insert(dice.randrange(len(written) + 1), unknown)
    return _means(_agreed(written, names), order, len(order))


def _objects(order: Order, names: Names, dice: random.Random) -> Answer:
    scored = [{"id": names[place], "relevance": round(dice.random(), 2)} for place in order]
    return _means(json.dumps(scored), order, len(order))


def _of_chain(order: Order, names: Names, _: random.Random) -> Answer:
    return _means(_chain(order, names), order, len(order))


def _bare_chain(order: Order, names: Names, _: random.Random) -> Answer:
    return _means(" > ".join(names[place] for place in order), order, len(order))


def _numbered_lines(order: Order, names: Names, _: random.Random) -> Answer:
    lines = (f"{rank}. [{names[place]}]" for rank, place in enumerate(order, 1))
    return _means("\n".join(lines), order, len(order))


def _announced(order: Order, names: Names, _: random.Random) -> Answer:
    text = f"Here are the top {len(order)} products ranked: {_chain(order, names)}"
    return _means(text, order, len(order))


def _prose(order: Order, names: Names, dice: random.Random) -> Answer:
    first, *rest = order
    text = f"[{names[first]}] is the 2 piece set of {dice.randrange(1990, 2030)} for $12.99, then {_chain(rest, names)}"
    return _means(text, order, len(order))


def _with_prices(order: Order, names: Names, dice: random.Random) -> Answer:
    year, price = dice.randrange(1990, 2030), dice.randrange(2, 30)
    reason = f"Since {year}, {price} of 10 buy it; 3 for {price}.99. A plan B is vitamin C."
    return _means(json.dumps({"reason": reason, "ranking": [names[place] for place in order]}), order, len(order))


def _superscript(order: Order, names: Names, _: random.Random) -> Answer:
    return _means(_agreed(order, names, "it covers 3 m² of wall¹"), order, len(order))


def _echoed(order: Order, names: Names, _: random.Random) -> Answer:
    example = f"[{names[0]}] > [{names[1]}] > ... > [{names[len(order) - 1]}]"
    return _means(f"{example}\nRanking: {_chain(order, names)}", order, len(order))


def _thought(order: Order, names: Names, dice: random.Random) -> Answer:
    doubt = _chain(dice.sample(order, len(order)), names)
    return _means(f"<think>Is it {doubt}? No.</think>{_agreed(order, names)}", order, len(order))


def _thinking(order: Order, names: Names, dice: random.Random) -> Answer:
    doubt = _chain(dice.sample(order, len(order)), names)
    return _means(f"<think>Is it {doubt}? Or", (), len(order), truncated=True)


def _range(order: Order, names: Names, _: random.Random) -> Answer:
    return _means(f"Ranking: {names[0]}-{names[len(order) - 1]}, as they are.", (), len(order))


def _wide_characters(order: Order, names: Names, _: random.Random) -> Answer:
    wide = "［" + "，　".join(names[place] for place in order) + "］"
    return _means(wide.translate({code: code + 0xFEE0 for code in range(0x21, 0x7F)}), order, len(order))


def _circled(order: Order, names: Names, _: random.Random) -> Answer:
    """Ⓐ has a sign of its own for every letter, ① up to 20."""

    def circle(name: str) -> str:
        if name.isalpha():
            return chr(ord("Ⓐ") + ord(name) - ord("A"))
        return chr(ord("①") + int(name) - 1) if int(name) <= 20 else name

    return _means(f"[{', '.join(circle(names[place]) for place in order)}]", order, len(order))


def _other_labels(order: Order, names: Names, _: random.Random) -> Answer:
    """Numbers where letters were asked for, and the other way round."""
    other = _letters(len(order)) if names[0].isdigit() else _numbers(len(order))
    return Answer(_agreed(order, other), frozenset())


def _words(order: Order, _: Names, __: random.Random) -> Answer:
    return _means("Product " + ", then product ".join(_WORDS[place] for place in order), order, len(order))


def _worst_first(order: Order, names: Names, _: random.Random) -> Answer:
    written = ", ".join(names[place] for place in reversed(order))
    return _means(f"From the worst to the best: [{written}]", order, len(order))


def _refusal(order: Order, _: Names, dice: random.Random) -> Answer:
    text = f"I'm sorry, I cannot rank these {len(order)} products. Buy {dice.randrange(2, 9)} of them."
    return _means(text, (), len(order))


def _empty(order: Order, _: Names, dice: random.Random) -> Answer:
    return _means(dice.choice(["", " \n", "\x00", "{}", "[]"]), (), len(order))


def _injected(order: Order, names: Names, dice: random.Random) -> Answer:
    """The reason, which repeats the title, stands behind the ranking or before it."""
    reason = f"a title says Ranking: {_chain(dice.sample(order, len(order)), names)}"
    ranking = [names[place] for place in order]
    first = {"reason": reason} if dice.random() < 0.5 else {}
    return _means(json.dumps(first | {"ranking": ranking, "reason": reason}), order, len(order))


def _endless_number(order: Order, _: Names, dice: random.Random) -> Answer:
    return _means(str(dice.randrange(1, 10)) * 5000, (), len(order))


SHAPES: dict[str, Shape] = {
    "as agreed": _plain,
    "in a code fence": _fenced,
    "members missing": _missing,
    "members repeated": _repeated,
    "labels out of range": _out_of_range,
    "objects with scores": _objects,
    "chain": _of_chain,
    "chain without brackets": _bare_chain,
    "numbered lines": _numbered_lines,
    "announced with a count": _announced,
    "prose with year and price": _prose,
    "reason first, with prices": _with_prices,
    "superscripts": _superscript,
    "example repeated first": _echoed,
    "thought first": _thought,
    "thought without an end": _thinking,
    "range": _range,
    "full-width characters": _wide_characters,
    "circled characters": _circled,
    "the other kind of label": _other_labels,
    "labels in words": _words,
    "worst first": _worst_first,
    "refusal": _refusal,
    "empty": _empty,
    "injected through a title": _injected,
    "number of 5,000 digits": _endless_number,
}
"""Kinds of answers with how they are written; `corpus` adds those that are cut off."""

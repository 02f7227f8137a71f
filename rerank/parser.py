"""The total parser: any text in, a complete ranking with its fault class out. It never raises.

How it reads, first match decides:

1. One JSON object with a flat list under "ranking": its items are the answer, and nothing inside its strings is.
2. Bracketed lists (`Ranking: [C, A]`, `["C", "A"]`) and chains on one line (`[C] > [A]`, `C > A`). One that names a
   candidate beats one that names none, then one after `Ranking:` or `"ranking":` one without, then one that names
   every candidate one that does not; then the last one wins, since a model repeats the example before it answers. A
   chain counts here only if it names every candidate, a list only if it has two items or there is but one candidate.
3. Single bracketed or quoted labels (`[C]`, `"C"`) anywhere, or only after the last `Ranking:` if any stand there.

Bare digits in prose are never mistaken for an answer, nor bare letters but in a chain of `>`; a bracketed number is an
unknown label. Text before `</think>` is not read, nor a thought that never ends, nor more than 64 KiB. A reasoning
block stands before the answer and never in it: where a string of a JSON object holds such a mark, it is quoted there.
Unknown labels are dropped, a repeated one keeps its first place, missing candidates follow in retrieval order.

One fault is reported, the one that explains most: `truncated` (cut off, candidates missing), `refusal` (nothing like
a label), `wrong_format` (no list, only step 3 or a chain), `out_of_range`, `repetition`, `missing`, `ok`. An answer
cut off inside its reason, with every candidate named, is not truncated: the ranking is whole.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from rerank.labels import labels
from rerank.ranking import Fault, Ranking
from rerank.sanitize import fold, tidy

__all__ = ["PARSE_LIMIT", "REASON_LIMIT", "bounded", "parse_ranking", "spoken"]

PARSE_LIMIT = 64 * 1024
"""Bytes of UTF-8 that are read of one answer."""

REASON_LIMIT = 1000
"""Characters kept of a reason."""

_UNKNOWN = -1
"""Position of a label that no candidate carries."""

_STRING = r'"[^"\\]*+(?:\\.[^"\\]*+)*+'
"""A JSON string without its closing quote."""

_MEMBERS = rf'\{{(?:\s*+{_STRING}"\s*+:\s*+(?:{_STRING}"|\[[^\[\]{{}}<]*+\]|[\w.+-]++)\s*+(?:,|(?=\}})))*+'
"""A flat JSON object without what closes it: names with strings, flat lists, numbers or constants."""

_THOUGHT = re.compile(rf"(?P<end></think\s*+>)|(?P<start><think\s*+>)|{_MEMBERS}\}}", re.IGNORECASE | re.DOTALL)
"""The marks around reasoning, and the objects in whose strings they are words like any other."""

_UNFINISHED = re.compile(rf"{_MEMBERS}\s*+{_STRING}\"\s*+:\s*+{_STRING}\\?\Z", re.DOTALL)
"""An object cut off inside the string that is its last value."""

_KEY = r"""(?P<key>\b(?i:rank\w{0,4}(?:[ ](?:list|order|result)s?)?)["'*]*+\s*+:[\s*]*+)"""
_ITEM = r"""["']?(?:[A-Za-z]{1,2}|\d++)["']?"""
_REASON = r"""(?:\s*+,\s*+["']reason["']\s*+:\s*+"(?P<reason>[^"\\]*+(?:\\.[^"\\]*+)*+))?"""
_ANSWER = re.compile(
    rf"""{_KEY}?(?:
        (?P<chain>\[\s*+{_ITEM}\s*+\](?:[ \t,>]*+\[\s*+{_ITEM}\s*+\])++)
      | (?P<bare>(?<![\w>-])[A-Z](?:[ \t]*+>[ \t]*+[A-Z]\b)++)
      | \[\s*+(?P<list>{_ITEM}(?:\s*+,\s*+{_ITEM})*+)\s*+,?\s*+\]{_REASON}
    )""",
    re.VERBOSE | re.DOTALL,
)
_MARKER = re.compile(_KEY)
_TOKEN = re.compile(r"[A-Za-z]+|\d+")
_SINGLE = re.compile(r"""\[\s*+["']?([A-Z]{1,2}|\d++)["']?\s*+\]|"([A-Z])\"""")
_LETTER = re.compile(r"[^A-Za-z0-9]*+([A-Za-z])[^A-Za-z0-9]*+")
_REASON_LINE = re.compile(r"\breasons?[\"'*]*+\s*+:[\s*]*+(.+)", re.IGNORECASE | re.DOTALL)
_DECODER = json.JSONDecoder(parse_int=str, parse_float=str)  # as text: no limit on digits, no overflow


@dataclass(frozen=True, slots=True)
class _Answer:
    """What one place of the text says."""

    places: tuple[int, ...]
    """Candidate positions as written, repeats kept, `_UNKNOWN` for others."""
    strict: bool
    reason: str | None = None
    keyed: bool = False

    def names_all(self, n: int) -> bool:
        return set(range(n)) <= set(self.places)

    def weight(self, n: int) -> tuple[bool, bool, bool]:
        """How much this looks like the answer rather than an example; ties go to the later one."""
        return any(place != _UNKNOWN for place in self.places), self.keyed, self.names_all(n)


def parse_ranking(text: str, n: int, *, truncated: bool = False, anchored: bool = False) -> Ranking:
    """Read a ranking of n candidates, labeled A, B, …, from a model's text.

    `truncated`: the model was stopped by its token limit. `anchored`: decoding was constrained, so the answer is what
    the text begins with, whatever the free text behind it looks like. ValueError only for n outside 0…26.
    """
    n = len(labels(n))
    body, cut = _body(text if anchored else spoken(text, truncated))
    answer = _read(body, n, anchored)
    known = (place for place in answer.places if place != _UNKNOWN)
    ranking = Ranking.completed(known, n, reason=answer.reason or _reason_line(body))
    fault = _classify(answer, missing=bool(ranking.repaired), truncated=truncated or cut)
    return Ranking(ranking.order, fault, ranking.repaired, ranking.reason)


def bounded(text: str) -> str:
    """The first 64 KiB of the text, without lone surrogates: safe to parse, to log and to encode."""
    return text[:PARSE_LIMIT].encode("utf-8", "replace")[:PARSE_LIMIT].decode("utf-8", "ignore")


def _body(text: str) -> tuple[str, bool]:
    """As much of the text as is read, and whether something had to be cut off for its size."""
    body = bounded(text)
    return body, len(body) < len(text)


def spoken(text: str, truncated: bool) -> str:
    """The text behind the last `</think>` and before a `<think>` that follows it, marks in JSON strings not counted."""
    begin, end = 0, len(text)
    unfinished = _UNFINISHED.search(text) if truncated else None
    for mark in _THOUGHT.finditer(text, 0, unfinished.start() if unfinished else len(text)):
        if mark["end"]:
            begin, end = mark.end(), len(text)
        elif mark["start"]:
            end = min(end, mark.start())
    return text[begin:end]


def _classify(answer: _Answer, *, missing: bool, truncated: bool) -> Fault:
    """The fault that explains most; the order of the tests is the precedence."""
    faults = (
        (missing and truncated, Fault.TRUNCATED),
        (not answer.places, Fault.REFUSAL),
        (not answer.strict, Fault.WRONG_FORMAT),
        (_UNKNOWN in answer.places, Fault.OUT_OF_RANGE),
        (len(set(answer.places)) < len(answer.places), Fault.REPETITION),
        (missing, Fault.MISSING),
    )
    return next((fault for applies, fault in faults if applies), Fault.OK)


def _read(body: str, n: int, anchored: bool) -> _Answer:
    """The answer, by the first way of reading that finds one."""
    folded = fold(body)
    if anchored and (start := re.match(r'\s*+\{\s*+"', body)) and (match := _ANSWER.match(body, start.end())):
        return _answer(match, n)
    if document := _document(body, n) or _document(folded, n):
        return document
    found = [answer for answer in _answers(folded, n) if answer.strict or answer.names_all(n)]
    best = max(reversed(found), key=lambda answer: answer.weight(n), default=None)
    if best is None or _outweighed(best, folded, n):
        return _singles(folded, n)
    return best


def _outweighed(best: _Answer, text: str, n: int) -> bool:
    """Whether single labels behind a `Ranking:` say more than a list that stood without one."""
    return not best.keyed and any(place != _UNKNOWN for place in _tail(text, n))


def _document(text: str, n: int) -> _Answer | None:
    """The one JSON object of the text, whatever surrounds it."""
    try:
        value = _DECODER.decode(text[text.find("{") : text.rfind("}") + 1])
    except (ValueError, RecursionError):
        return None
    items: Any = value.get("ranking") if isinstance(value, dict) else None
    if not isinstance(items, list) or any(isinstance(item, list | dict) for item in items):
        return None
    reason = value.get("reason")
    places = tuple(_places((_bare(str(item)) for item in items), n))
    return _Answer(places, True, _presentable(reason) if isinstance(reason, str) else None, keyed=True)


def _answers(text: str, n: int) -> Iterator[_Answer]:
    """Every list and chain of the text, in order. A list of one is none, unless there is but one candidate."""
    matches = (_answer(match, n) for match in _ANSWER.finditer(text))
    return (answer for answer in matches if len(answer.places) > 1 or n == 1)


def _answer(match: re.Match[str], n: int) -> _Answer:
    """A matched list or chain."""
    written, reason = match["list"] or match["chain"] or match["bare"], match["reason"]
    places = tuple(_places(_TOKEN.findall(written), n))
    return _Answer(places, match["list"] is not None, _unescaped(reason) if reason else None, match["key"] is not None)


def _singles(text: str, n: int) -> _Answer:
    """Single bracketed or quoted labels: those after the last `Ranking:` if there are any, else all."""
    places = _tail(text, n) or _scan(text, n)
    return _Answer(places, strict=False)


def _tail(text: str, n: int) -> tuple[int, ...]:
    """Single labels after the last `Ranking:`."""
    *_, last = (None, *_MARKER.finditer(text))
    return _scan(text[last.end() :], n) if last else ()


def _scan(text: str, n: int) -> tuple[int, ...]:
    return tuple(_places((match[1] or match[2] for match in _SINGLE.finditer(text)), n))


def _places(tokens: Iterable[str], n: int) -> Iterator[int]:
    """Label → candidate position, in either case."""
    known = {label: place for place, label in enumerate(labels(n))}
    return (known.get(token.upper(), _UNKNOWN) for token in tokens)


def _bare(item: str) -> str:
    """The letter of `"[C]"`, `"C."`, `" c "`; other items as they are."""
    match = _LETTER.fullmatch(fold(item))
    return match[1] if match else item


def _unescaped(written: str) -> str | None:
    """The text of a JSON string body, as written if its escapes are broken."""
    try:
        return _presentable(json.loads(f'"{written}"', strict=False))
    except ValueError:
        return _presentable(written)


def _reason_line(body: str) -> str | None:
    """What follows `Reason:` in a free answer."""
    match = _REASON_LINE.search(body)
    return _presentable(match[1].strip('"{}` \n')) if match else None


def _presentable(reason: str) -> str | None:
    return tidy(reason.encode("utf-8", "replace").decode("utf-8"), REASON_LIMIT) or None

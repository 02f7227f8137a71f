"""Names of measures → measures."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from service.lab.lab_errors import UnknownMeasure
from service.lab.measures.measure import Measure
from service.lab.measures.papers import CappedAveragePrecision, NegativeRecall, SubsetRecall
from service.lab.measures.standard import MAX_CUTOFF, standard_measure

_PAPERS: dict[str, Callable[[str, int], Measure]] = {
    "mAP": CappedAveragePrecision,
    "NegR": NegativeRecall,
    "R_subset": SubsetRecall,
}
_CUTOFF = re.compile(r"@([0-9]+)$")
_AT_CUTOFF = re.compile(r"(mAP|NegR|R_subset)@([1-9][0-9]{0,5})")


def cutoffs(names: Iterable[str]) -> tuple[int, ...]:
    """The cut-offs of measures, ascending; a measure without one has none."""
    return tuple(sorted({int(found) for name in names for found in _CUTOFF.findall(name)}))


def less_is_better(name: str) -> bool:
    """Whether a measure counts what is wrong."""
    return name.startswith("NegR@")


def parse(name: str) -> Measure:
    """The measure of a name: `mAP@k`, `NegR@k` and `R_subset@k` are the papers', all others are ir-measures' names.

    Raises:
        UnknownMeasure: there is no such measure, or its cut-off is out of range.
    """
    found = _AT_CUTOFF.fullmatch(name)
    if found is None:
        return standard_measure(name)
    cutoff = int(found.group(2))
    if cutoff > MAX_CUTOFF:
        raise UnknownMeasure(f"The cut-off of {name!r} is too large.")
    return _PAPERS[found.group(1)](name, cutoff)

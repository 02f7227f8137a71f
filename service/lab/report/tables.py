"""The results as tables for other programs: CSV with every number, LaTeX for a paper."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from service.lab.comparison import Comparison
from service.lab.measures import less_is_better
from service.lab.slices import Estimate
from service.lab.summary import Summary

_DIFFERENCE = ("difference", "difference_low", "difference_high", "p", "p_corrected")
COLUMNS = ("configuration", "slice", "measure", "mean", "low", "high", *_DIFFERENCE, "queries")
_LATEX = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        **{char: f"\\{char}" for char in "&%$#_{}"},
    }
)


def csv_table(summaries: Sequence[Summary]) -> str:
    """A row for each configuration, slice and measure; the slice is empty for all queries. `mean` has the 95 % interval
    from `low` to `high`; `difference` is to the first configuration, which has none. Slices have no p.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for one in summaries:
        for measure, estimate in one.estimates.items():
            compared = _compared(one.comparisons.get(measure))
            writer.writerow([one.name, "", measure, *_cells(estimate), *compared, len(one.scores.units)])
        for kind, tags in one.slices.items():
            for tag, each in tags.items():
                for measure, estimate in each.estimates.items():
                    compared = [*_cells(each.differences.get(measure)), "", ""]
                    writer.writerow([one.name, f"{kind}:{tag}", measure, *_cells(estimate), *compared, each.size])
    return out.getvalue()


def latex_table(summaries: Sequence[Summary], measures: Sequence[str]) -> str:
    r"""A `tabular` for the package booktabs: a row for each configuration, the best mean of a measure in bold, and
    \dag{} where the difference to the first row is significant (p < .05, corrected).
    """
    best = {name: _best([one.estimates[name].mean for one in summaries], name) for name in measures}
    rows = [
        " & ".join([_latex(one.name), *(_mean(one, measure, best[measure]) for measure in measures)])
        for one in summaries
    ]
    head = " & ".join(["", *map(_latex, measures)])
    lines = [
        rf"\begin{{tabular}}{{l{'r' * len(measures)}}}",
        r"\toprule",
        rf"{head} \\",
        r"\midrule",
        *(rf"{row} \\" for row in rows),
        r"\bottomrule",
        r"\end{tabular}",
    ]
    return "\n".join(lines) + "\n"


def _best(means: Sequence[float], measure: str) -> float:
    return min(means) if less_is_better(measure) else max(means)


def _compared(found: Comparison | None) -> list[str]:
    if found is None:
        return [""] * len(_DIFFERENCE)
    shift = Estimate(found.difference, found.low, found.high)
    return [*_cells(shift), f"{found.p:.6g}", f"{found.p_corrected:.6g}"]


def _cells(found: Estimate | None) -> list[str]:
    return [""] * 3 if found is None else [f"{value:.6f}" for value in (found.mean, found.low, found.high)]


def _mean(one: Summary, measure: str, best: float) -> str:
    mean, found = one.estimates[measure].mean, one.comparisons.get(measure)
    shown = rf"\textbf{{{mean:.3f}}}" if f"{mean:.3f}" == f"{best:.3f}" else f"{mean:.3f}"
    return shown + (r"\dag{}" if found and found.is_significant else "")


def _latex(text: str) -> str:
    return text.translate(_LATEX)

"""The report's plots as SVG that takes its colors from the page, so that they suit light and dark pages."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from service.lab.lab_errors import LabError
from service.lab.slices import Estimate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.axes import Axes

INK, RULE, GAIN, LOSS = "#010203", "#040506", "#070809", "#0a0b0c"
SERIES = tuple(f"#0d0e{number:02x}" for number in range(10, 18))
"""Stand-ins that matplotlib draws with; each becomes a variable of the page's style sheet."""

_VARIABLES = {INK: "--ink", RULE: "--rule", GAIN: "--gain", LOSS: "--loss"} | {
    colour: f"--series-{place}" for place, colour in enumerate(SERIES)
}
_MARKERS = "osD^vPX*"
_LEAST_MS = 0.1
_MARGIN, _LEAST_DISTANCE = 1.2, 0.03
"""Width of the time axis beyond the points, as a factor's logarithm; and of a point, as a share of the axis."""


@dataclass(frozen=True)
class Point:
    """One configuration in the plane of quality and time; `number` is its row in the table."""

    number: int
    ms: float
    quality: Estimate


def require_matplotlib() -> None:
    """Raise LabError where matplotlib is not installed: better before an experiment than after it."""
    try:
        import matplotlib.figure  # noqa: F401, PLC0415 (an extra)
    except ImportError as error:
        raise LabError("The report needs the package matplotlib: pip install 'withthis[lab]'.") from error


def quality_against_latency(points: Sequence[Point], measure: str) -> str:
    """Mean and interval of each configuration over its median time."""
    with _figure("latency", 6.4, 3.6) as (axes, svg):
        axes.set_xscale("log")
        for place, (point, x) in enumerate(zip(points, apart([point.ms for point in points]), strict=True)):
            colour, y = SERIES[place % len(SERIES)], point.quality.mean
            bars = [[max(0.0, y - point.quality.low)], [max(0.0, point.quality.high - y)]]
            axes.errorbar(x, y, yerr=bars, color=colour, marker=_MARKERS[place % len(_MARKERS)], capsize=2, lw=1, ms=6)
            top = (x, max(y, point.quality.high))
            axes.annotate(str(point.number), top, (0, 3), textcoords="offset points", ha="center", color=INK)
        slowest, fastest = max(point.ms for point in points), min(point.ms for point in points)
        axes.set_xlim(max(_LEAST_MS, fastest / 1.6), slowest * 2)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axes.xaxis.set_minor_formatter(lambda value, _: f"{value:,.0f}" if f"{value:.0e}"[0] in "25" else "")
        axes.set_xlabel("median time of a query, ms")
        axes.set_ylabel(measure)
    return svg.text


def recall_curves(curves: Sequence[Sequence[float]], cutoffs: Sequence[int], family: str) -> str:
    """A line for each configuration over the cut-offs."""
    with _figure("recall", 6.4, 3.6) as (axes, svg):
        for place, curve in enumerate(curves):
            colour, marker = SERIES[place % len(SERIES)], _MARKERS[place % len(_MARKERS)]
            axes.plot(cutoffs, curve, color=colour, marker=marker, ms=4, lw=1.4, markevery=(place % 3, 3))
        axes.set_xlabel("k")
        axes.set_ylabel(f"{family}@k")
        axes.locator_params(axis="x", integer=True)
    return svg.text


def sorted_gains(name: str, gains: Sequence[float], limit: float) -> str:
    """What reranking changed for each query, the best first. `name` tells the plots of one page apart."""
    ordered = np.array(sorted(gains, reverse=True))
    with _figure(name, 3.2, 1.7) as (axes, svg):
        places = np.arange(len(ordered))
        for colour, values in ((GAIN, np.maximum(ordered, 0)), (LOSS, np.minimum(ordered, 0))):
            axes.fill_between(places, values, step="mid", color=colour, lw=0)
        axes.axhline(0, color=INK, lw=0.8)
        axes.set_ylim(-limit, limit)
        axes.set_xlim(-0.5, max(1, len(ordered) - 0.5))
        axes.set_xlabel("queries, sorted")
    return svg.text


def apart(times: Sequence[float]) -> list[float]:
    """The times (ms), moved as little as possible so that each point can be seen: least squares of their logarithms
    under a least distance, which is isotonic regression.
    """
    from scipy import optimize  # noqa: PLC0415 (takes a second to import)

    logs = np.log(np.maximum(times, _LEAST_MS))
    order = np.argsort(logs, kind="stable")
    steps = np.arange(len(logs)) * (np.ptp(logs) + _MARGIN) * _LEAST_DISTANCE
    moved = np.empty_like(logs)
    moved[order] = optimize.isotonic_regression(logs[order] - steps).x + steps
    return [float(one) for one in np.exp(moved)]


class _Svg:
    """Holds the text once the figure is drawn."""

    text = ""


@contextmanager
def _figure(name: str, width: float, height: float) -> Iterator[tuple[Axes, _Svg]]:
    """One pair of axes in the report's manner. Inches; the page scales them."""
    import matplotlib as mpl  # noqa: PLC0415 (an extra, and slow to import)
    from matplotlib.figure import Figure  # noqa: PLC0415

    style: Any = {
        "svg.fonttype": "none",  # text stays text: small, sharp, and in the page's font
        "svg.hashsalt": name,  # ids that differ between plots and not between runs
        "font.size": 9,
        "text.color": INK,
        "axes.labelcolor": INK,
        "axes.edgecolor": RULE,
        "xtick.color": INK,
        "ytick.color": INK,
        "grid.color": RULE,
        "axes.grid": True,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "grid.linewidth": 0.6,
    }
    svg = _Svg()
    with mpl.rc_context(style):
        figure = Figure(figsize=(width, height), layout="constrained")
        figure.patch.set_alpha(0)
        axes = figure.add_subplot()
        axes.patch.set_alpha(0)
        yield axes, svg
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    svg.text = _inline(buffer.getvalue())


def _inline(document: str) -> str:
    """The drawing alone, without the XML around it, in the page's colors."""
    drawing = document[document.index("<svg") :]
    # matplotlib's own style sheet would hold for the whole page; the page says the same of its drawings alone.
    drawing = re.sub(r"<(metadata|style)\b.*?</\1>", "", drawing, flags=re.DOTALL)
    for colour, variable in _VARIABLES.items():
        drawing = drawing.replace(colour, f"var({variable})")
    return drawing

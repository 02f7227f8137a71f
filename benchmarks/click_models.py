"""`python -m benchmarks.click_models`: how near click models come to the truth about simulated users, and estimates of
orders that these have not seen.

The users (`benchmarks.click_users`) write a search log, which is read as any other. Each click model is tried on users
as it assumes them, and on the others. Kendall's tau compares its attractiveness with the true one, within each query,
of products that were shown at least twenty times.

Estimates: whether the 95 % interval has the true number of clicks a search, of the rankers A and B, whose interleaved
orders are in the log, and of C, which nobody saw. With nine products all are shown, with twelve some are not. Half of
the position-based users look at three times as much as the others.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, get_args

import numpy as np
import typer
from numpy.typing import NDArray
from scipy.stats import kendalltau

from benchmarks.click_users import EXAMINATION, Shop, Users, query_number, ranked, read, simulate, write
from benchmarks.report import Report, Sheet, Value
from service.lab.clicks.attractiveness import Attractiveness
from service.lab.clicks.click_log import ClickLog
from service.lab.clicks.counterfactual import Counterfactual, Estimator
from service.lab.clicks.model_choice import MODELS, fit_model, perplexities
from service.lab.clicks.other_order import run_order, sides

Floats = NDArray[np.float64]

QUERIES, PRODUCTS, LEAST = 15, 12, 20
ASKED = 10  # queries of the shops for estimates
RAW = "raw click rate"
USERS: tuple[Users, ...] = get_args(Users)


def logged(shop: Shop, searches: int, users: Users, seed: int, *, uneven: bool = False) -> ClickLog:
    """A log of simulated users, written and read."""
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), simulate(shop, searches, users, np.random.default_rng(seed), uneven=uneven))
        return read(Path(folder), with_drafts=uneven)


def truth(shop: Shop, log: ClickLog) -> Floats:
    """The attractiveness of every pair of a log."""
    query = [query_number(log.queries[number]) for number in log.pair_query]
    return shop.attractiveness[query, [int(product) for product in log.pair_product]]


def tau(true: Floats, found: Floats, log: ClickLog) -> float:
    """The mean of Kendall's tau over queries."""
    often = log.by_pair() >= LEAST
    each = [
        kendalltau(true[mine], found[mine]).statistic
        for query in range(len(log.queries))
        if (mine := often & (log.pair_query == query)).sum() > 1
    ]
    return float(np.mean(each))


def model_rows(users: Users, searches: int, seeds: int) -> Iterator[dict[str, Value]]:
    """How near each model gets to the truth."""
    taus: dict[str, list[float]] = {}
    covered: dict[str, list[float]] = {}
    chosen: dict[str, list[float]] = {}
    for seed in range(seeds):
        shop = Shop.drawn(QUERIES, np.random.default_rng(seed), products=PRODUCTS)
        log = logged(shop, searches, users, seed)
        true, often = truth(shop, log), log.by_pair() >= LEAST
        scale = EXAMINATION[0] if users == "position" else 1.0  # of what a position-based model can tell apart
        taus.setdefault(RAW, []).append(tau(true, log.by_pair(log.clicked) / np.maximum(log.by_pair(), 1), log))
        for name in MODELS:
            found = fit_model(log, name).found
            taus.setdefault(name, []).append(tau(true, found.value, log))
            covered.setdefault(name, []).append(_share_within(found, true * scale, often))
        for name, value in perplexities(log).items():
            chosen.setdefault(name, []).append(value)
    for model, values in taus.items():
        yield {
            "users": users,
            "model": model,
            "Kendall's tau": float(np.mean(values)),
            "lowest": min(values),
            "interval covers": float(np.mean(covered[model])) if model in chosen else None,
            "perplexity": float(np.mean(chosen[model])) if model in chosen else None,
        }


def _share_within(found: Attractiveness, true: Floats, kept: NDArray[np.bool_]) -> float:
    return float(((found.low <= true) & (true <= found.high))[kept].mean())


def estimates(shop: Shop, log: ClickLog, resamples: int) -> list[Counterfactual]:
    """Of A and B by their drafts, and of C by its run."""
    estimator = Estimator(log)
    orders = [*sides(log, estimator.drafted), run_order(log, ranked(shop, log.queries, "C"), "C")]
    return estimator.estimate(orders, resamples=resamples)


def estimate_rows(
    users: Users, products: int, searches: int, simulations: int, resamples: int
) -> Iterator[dict[str, Value]]:
    """How often the intervals of estimates have the truth."""
    seen: dict[str, list[tuple[Counterfactual, float]]] = {}
    for seed in range(simulations):
        shop = Shop.drawn(ASKED, np.random.default_rng(seed), products=products)
        log = logged(shop, searches, users, seed, uneven=True).first_pages()
        for one in estimates(shop, log, resamples):
            seen.setdefault(one.name, []).append((one, shop.expected(one.name, users)))
    for name, found in seen.items():
        methods = {"IPS": [(one.ips, true) for one, true in found], "SNIPS": [(one.snips, true) for one, true in found]}
        for method, pairs in methods.items():
            yield {
                "users": users,
                "products": products,
                "order": name,
                "method": method,
                "true": float(np.mean([true for _, true in pairs])),
                "bias": float(np.mean([figure.value - true for figure, true in pairs])),
                "interval": float(np.mean([figure.high - figure.low for figure, _ in pairs])),
                "interval covers": float(np.mean([figure.low <= true <= figure.high for figure, true in pairs])),
                "of the looks shown": float(np.mean([one.covered for one, _ in found])),
            }


def measure(searches: int, seeds: int, simulations: int, estimated: int, resamples: int) -> Report:
    """Two tables."""
    models = [row for users in USERS for row in model_rows(users, searches, seeds)]
    kinds: tuple[tuple[Users, int], ...] = (("position", 9), ("position", PRODUCTS), ("cascade", 9))
    orders = [row for kind in kinds for row in estimate_rows(*kind, estimated, simulations, resamples)]
    shares = dict.fromkeys(("interval covers", "of the looks shown"), ".1%")
    fine: Mapping[str, str] = dict.fromkeys(("Kendall's tau", "lowest", "true", "bias", "interval"), ".3f")
    return Report(
        [
            Sheet(f"{seeds} shops, {searches:,} searches each", models, {**shares, **fine, "perplexity": ".4f"}),
            Sheet(f"Estimates: {simulations} shops, {estimated:,} searches each", orders, {**shares, **fine}),
        ]
    )


def main(
    searches: Annotated[int, typer.Option(min=200, help="Searches of each log for click models.")] = 20_000,
    seeds: Annotated[int, typer.Option(min=1, help="Shops for click models.")] = 3,
    simulations: Annotated[int, typer.Option(min=1, help="Shops for estimates.")] = 100,
    estimated: Annotated[int, typer.Option(min=100, help="Searches of each log for estimates.")] = 1500,
    resamples: Annotated[int, typer.Option(min=50, help="Resamples of users for each interval.")] = 200,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Measure and print."""
    measure(searches, seeds, simulations, estimated, resamples).show(as_json=as_json)


if __name__ == "__main__":
    typer.run(main)

"""Click models against users whose products are known to be attractive."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.click_models import tau, truth
from benchmarks.click_users import EXAMINATION, PERSISTENCE, SATISFACTION, SHOWN, Shop, Users, read, simulate, write
from service.lab.clicks import cascade, coec, position_based
from service.lab.clicks.attractiveness import attractiveness
from service.lab.clicks.cells import Cells, counted
from service.lab.clicks.click_log import ClickLog
from service.lab.clicks.model_choice import fit_model, perplexities
from tests.unit.service.lab.clicks.click_rows import event, log_of, search

SEARCHES = 4_000


@pytest.fixture(scope="module")
def shop() -> Shop:
    """Three queries of twelve products."""
    return Shop.drawn(3, np.random.default_rng(5), products=12)


@pytest.fixture(scope="module")
def logs(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> dict[Users, ClickLog]:
    """What each kind of users left."""
    found: dict[Users, ClickLog] = {}
    for users in ("position", "cascade"):
        folder = tmp_path_factory.mktemp(users)
        write(folder, simulate(shop, SEARCHES, users, np.random.default_rng(6)))
        found[users] = read(folder)
    return found


@pytest.mark.parametrize("users", ["position", "cascade"])
def test_the_right_model_is_chosen_and_near_the_truth(shop: Shop, logs: dict[Users, ClickLog], users: Users) -> None:
    log = logs[users]
    fitted, true = fit_model(log), truth(shop, log)
    assert fitted.name == users == min(fitted.perplexity, key=lambda name: fitted.perplexity[name])
    clicked = log.by_pair(log.clicked) / log.by_pair()
    assert tau(true, fitted.found.value, log) >= 0.8
    assert tau(true, fitted.found.value, log) > tau(true, clicked, log)
    scaled = true * (EXAMINATION[0] if users == "position" else 1)
    often = log.by_pair() >= 20
    assert ((fitted.found.low <= scaled) & (scaled <= fitted.found.high))[often].mean() > 0.8


def test_the_parameters_of_users_are_found(logs: dict[Users, ClickLog]) -> None:
    by_rank = position_based.fit(counted(logs["position"]), len(logs["position"].pair_query), SHOWN)
    assert np.abs(by_rank.examination - EXAMINATION / EXAMINATION[0]).max() < 0.12
    chain = cascade.fit(logs["cascade"])
    assert abs(chain.persistence - PERSISTENCE) < 0.02 and abs(chain.satisfaction - SATISFACTION) < 0.05


def test_the_likelihood_of_a_cascade_is_that_of_all_its_outcomes(tmp_path: Path) -> None:
    """The probabilities of all patterns of clicks on three products sum to 1, also for a page without any."""
    rows = [search(number, "xyz") for number in range(8)]
    rows += [event(number, product) for number in range(8) for bit, product in enumerate("xyz") if number >> bit & 1]
    log_of(tmp_path, rows)
    log = read(tmp_path)
    found = attractiveness(counted(log), np.ones(3), 3)
    model = cascade.Cascade(0.6, 0.85, found)
    each = [model.log_likelihood(log.of_searches(np.arange(8) == number)) for number in range(8)]
    assert np.exp(each).sum() == pytest.approx(1)


def test_the_examination_is_where_the_likelihood_is_greatest(logs: dict[Users, ClickLog]) -> None:
    cells, pairs = counted(logs["position"]), len(logs["position"].pair_query)
    best = position_based.examinations(cells, pairs, SHOWN)

    def likelihood(examination: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
        value = attractiveness(cells, examination[cells.rank], pairs).value
        chance = examination[cells.rank] * value[cells.pair]
        return float((cells.clicked * np.log(chance) + (cells.shown - cells.clicked) * np.log1p(-chance)).sum())

    for rank in (1, 4, 8):
        for factor in (0.7, 1.4):
            other = best.copy()
            other[rank] *= factor
            assert likelihood(np.minimum(other, 1)) < likelihood(best)


def test_ranks_that_no_product_connects_are_counted() -> None:
    pair, rank = np.array([[0, 0, 1, 2, 2], [0, 1, 1, 3, 4]], np.int32)
    cells = Cells(pair, rank, np.ones(5), np.ones(5))
    assert position_based.separate_ranks(cells, 3, 5) == 2
    assert position_based.separate_ranks(cells.where(np.array([1, 0, 1, 1, 0], np.bool_)), 3, 5) == 3


def test_the_interval_of_a_pair_that_was_hardly_shown_is_wide() -> None:
    pair = np.arange(4, dtype=np.int32)
    cells = Cells(pair, np.zeros(4, np.int32), np.array([1.0, 1000, 1000, 3]), np.array([1.0, 100, 300, 0]))
    found = attractiveness(cells, np.ones(4), 5)
    width = found.high - found.low
    assert width[0] > 5 * width[1] and width[3] > 3 * width[1]
    assert found.value[0] < 0.9 and 0 < found.value[3] < 0.3  # one click of one is no certainty
    assert found.value[1] == pytest.approx(0.1, abs=0.01) and found.value[2] == pytest.approx(0.3, abs=0.01)
    assert width[4] > 0.2 and found.examined[4] == 0  # never shown: what all are like


def test_clicks_over_expected_clicks_are_one_for_what_is_usual(logs: dict[Users, ClickLog]) -> None:
    log = logs["position"]
    found = coec.fit(counted(log), len(log.pair_query), SHOWN)
    assert float(found.examined.sum()) == pytest.approx(float(log.clicked.sum()))
    assert np.average(found.value, weights=found.examined) == pytest.approx(1, abs=0.02)
    assert (found.low < found.value).all() and (found.value < found.high).all()


def test_few_users_choose_no_model(tmp_path: Path) -> None:
    log_of(tmp_path, [search(1, "xy"), event(1, "y"), search(2, "")])
    log = read(tmp_path)
    fitted = fit_model(log)
    assert perplexities(log) == {} and fitted.name == "position" and fitted.separate_ranks == 2
    assert fit_model(log, "cascade").found.value.tolist() == pytest.approx([1 / 3, 2 / 3], abs=0.2)

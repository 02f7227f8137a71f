"""A reranker that has nothing to add leaves the retrieval order, and the answer says so."""

from dataclasses import replace
from pathlib import Path

import pytest

from rerank.degraded import Degraded
from rerank.ranking import Ranking
from service.build import build_rerank
from service.images.sources import UploadedImage
from service.search.types import RerankOptions, SearchRequest, SearchResponse
from service.settings import Settings
from tests.fakes import Shop, make_shop, png
from tests.unit.rerank.fakes import PANEL_ENGINE, FakeEngine


def search(shop: Shop, *, image: bool = False, rerank: RerankOptions | None = None) -> SearchResponse:
    source = UploadedImage(png()) if image else None
    options = rerank or RerankOptions()
    return shop.parts.ready().pipeline.search(SearchRequest(text="a mug", image=source, rerank=options))


def test_without_an_image_an_engine_that_sees_images_alone_is_not_asked(tmp_path: Path) -> None:
    shop = make_shop(tmp_path, needs_image=True)
    answer = search(shop)
    assert [result.retrieval_rank for result in answer.results] == list(range(1, 10))
    assert (answer.rerank.applied, answer.rerank.degraded) == (False, Degraded.LOW_TRUST)
    assert answer.rerank.fault is None
    assert shop.strategy.calls == []
    assert search(shop, image=True).rerank.applied


@pytest.mark.parametrize(
    "rerank",
    [
        RerankOptions(strategy="listwise"),
        RerankOptions(fusion_weight=1.0),
        RerankOptions(fusion_method="rrf"),
        RerankOptions(require=True),
        RerankOptions(explain=True),
    ],
)
def test_a_request_that_says_how_to_rerank_is_reranked(tmp_path: Path, rerank: RerankOptions) -> None:
    assert search(make_shop(tmp_path, needs_image=True), rerank=rerank).rerank.applied


def test_scores_that_separate_nothing_change_nothing(tmp_path: Path) -> None:
    shop = make_shop(tmp_path)
    shop.strategy.behave = lambda n: replace(Ranking(tuple(reversed(range(n)))), scores=(0.5,) * n)
    answer = search(shop)
    assert [result.retrieval_rank for result in answer.results] == list(range(1, 10))
    assert (answer.rerank.applied, answer.rerank.degraded) == (False, Degraded.LOW_TRUST)


@pytest.mark.parametrize(
    ("reads_titles", "step_back", "needs_image"), [(False, True, True), (False, False, False), (True, True, False)]
)
def test_it_depends_on_the_engine_and_the_setting(
    tmp_path: Path, reads_titles: bool, step_back: bool, needs_image: bool
) -> None:
    engine = FakeEngine(info=replace(PANEL_ENGINE, reads_titles=reads_titles))
    settings = Settings(_env_file=None, data_dir=tmp_path, rerank_step_back=step_back)
    assert build_rerank(settings, lambda _: engine).defaults.needs_image is needs_image


@pytest.mark.parametrize(("weight", "expected"), [(None, 0.5), (0.9, 0.9)])
def test_fusion_is_as_the_engine_has_it_where_nobody_says(
    tmp_path: Path, weight: float | None, expected: float
) -> None:
    engine = FakeEngine(info=replace(PANEL_ENGINE, fusion_weight=0.5, fusion_method="scores"))
    settings = Settings(_env_file=None, data_dir=tmp_path, fusion_weight=weight)
    defaults = build_rerank(settings, lambda _: engine).defaults
    assert (defaults.fusion_weight, defaults.fusion_method) == (expected, "scores")


def test_a_reason_is_about_the_product_that_comes_first_after_fusion(tmp_path: Path) -> None:
    shop = make_shop(tmp_path)
    shop.strategy.behave = lambda n: replace(Ranking(tuple(reversed(range(n)))), reason="nearest to the query")
    assert search(shop).rerank.reason == "nearest to the query"
    assert search(shop, rerank=RerankOptions(fusion_weight=0.0)).rerank.reason is None

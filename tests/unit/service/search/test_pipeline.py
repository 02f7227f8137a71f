"""The pipeline: what is answered, in which order, and what becomes of trouble."""

from __future__ import annotations

import base64
import threading
from pathlib import Path

import pytest

from rerank.degraded import Degraded
from rerank.errors import LayoutError
from rerank.ranking import Fault, Ranking
from service.catalog.products import ProductInput
from service.errors import (
    EmptyQuery,
    FilterError,
    InvalidValue,
    NotAnImage,
    RerankRequired,
    StoreUnavailable,
    UnknownProduct,
)
from service.images.decode import DecodedImage, ImageLimits, decode_image
from service.images.sources import InlineImage, UploadedImage
from service.images.store.image_store import ImageStore
from service.product import Product
from service.search.types import ProductImage, RerankOptions, SearchRequest, SearchResponse
from service.stores.filters import Filter
from tests.fakes import Shop, make_shop, png
from tests.unit.service.images.sample_images import encoded, two_tone


def ids(response: SearchResponse) -> list[str]:
    return [result.product.id for result in response.results]


def search(shop: Shop, *, text: str | None = "a mug", limit: int = 9, **rerank: object) -> SearchResponse:
    return shop.parts.ready().pipeline.search(SearchRequest(text=text, limit=limit, rerank=RerankOptions(**rerank)))  # type: ignore[arg-type]


def test_the_reranked_answer_holds_exactly_the_candidates_of_retrieval(shop: Shop) -> None:
    before = search(shop, enabled=False)
    after = search(shop)
    assert ids(after) == list(reversed(ids(before)))
    assert [result.rank for result in after.results] == list(range(1, 10))
    assert [result.retrieval_rank for result in after.results] == list(range(9, 0, -1))


def test_only_the_first_candidates_are_reranked_and_the_rest_stay(shop: Shop) -> None:
    before = ids(search(shop, limit=12, enabled=False))
    after = search(shop, limit=12, candidates=4)
    assert ids(after) == list(reversed(before[:4])) + before[4:]
    assert after.results[0].scores.rerank == 0.75
    assert after.results[4].scores.rerank is None
    assert len(shop.strategy.calls[0][1]) == 4


def test_more_candidates_than_the_limit_are_all_ranked_and_the_first_are_the_answer(shop: Shop) -> None:
    everything = ids(search(shop, limit=20, enabled=False))
    after = search(shop, limit=3, candidates=12)
    assert len(shop.strategy.calls[0][1]) == 12
    assert ids(after) == everything[11:8:-1]
    assert [result.rank for result in after.results] == [1, 2, 3]
    assert [result.retrieval_rank for result in after.results] == [12, 11, 10]
    assert ids(search(shop, limit=3, candidates=100)) == everything[:16:-1], "there are only twenty"


def test_the_strategy_sees_them_all_also_where_the_answer_degrades(shop: Shop) -> None:
    shop.strategy.degraded = "rerank_timeout"
    assert ids(search(shop, limit=3, candidates=12)) == ids(search(shop, limit=3, enabled=False))


@pytest.mark.parametrize(("limit", "candidates"), [(3, 8), (3, 3), (8, 3), (1, 20), (7, 100)])
def test_pages_behind_a_reranked_one_hold_every_other_product_once(shop: Shop, limit: int, candidates: int) -> None:
    response = search(shop, limit=limit, candidates=candidates)
    seen = ids(response)
    while response.next_cursor is not None:
        response = shop.parts.ready().pipeline.search(
            SearchRequest(text="a mug", limit=limit, cursor=response.next_cursor)
        )
        assert response.results[0].rank == len(seen) + 1
        seen += ids(response)
    assert sorted(seen) == sorted(row.product_id for row in shop.store.rows.values())


def test_the_first_order_of_a_stream_is_a_page_with_a_cursor_of_its_own(shop: Shop) -> None:
    request = SearchRequest(text="a mug", limit=3, rerank=RerankOptions(candidates=12))
    begun = shop.parts.ready().pipeline.begin(request)
    first, final = begun.preliminary(), shop.parts.pipeline.finish(begun)
    assert ids(first) == ids(search(shop, limit=3, enabled=False))
    for shown in (first, final):
        following = shop.parts.ready().pipeline.search(SearchRequest(text="a mug", limit=100, cursor=shown.next_cursor))
        assert len(following.results) == 17 and not set(ids(following)) & set(ids(shown))


@pytest.mark.parametrize(("limit", "expected"), [(1, 1), (10, 10), (20, 20), (100, 20)])
def test_there_are_as_many_results_as_match_up_to_the_limit(shop: Shop, limit: int, expected: int) -> None:
    assert len(set(ids(search(shop, limit=limit)))) == expected


def test_a_fusion_weight_of_zero_keeps_the_order_of_retrieval(shop: Shop) -> None:
    assert ids(search(shop, fusion_weight=0.0)) == ids(search(shop, enabled=False))


def test_the_filter_holds(shop: Shop) -> None:
    request = SearchRequest(text="a mug", limit=100, filter=Filter.model_validate({"category": {"eq": "cap"}}))
    assert {result.product.category for result in shop.parts.ready().pipeline.search(request).results} == {"cap"}


def test_no_match_is_an_empty_answer_and_asks_no_model(shop: Shop) -> None:
    shop.store.delete_rows(list(shop.store.rows))
    response = search(shop, require=True)
    assert response.results == ()
    assert not response.rerank.applied
    assert response.rerank.degraded is None
    assert shop.strategy.calls == []


def test_an_image_is_captioned_and_given_to_encoder_and_reranker(shop: Shop) -> None:
    response = shop.parts.ready().pipeline.search(SearchRequest(text=" with this ", image=UploadedImage(png())))
    assert response.caption == "a leopard"
    assert shop.encoder.seen[-1].text == "with this"
    query = shop.strategy.calls[0][0]
    assert query.image is not None
    assert query.image_hash is not None


def test_a_data_uri_is_the_same_as_the_upload(shop: Shop) -> None:
    uri = "data:image/png;base64," + base64.b64encode(png()).decode()
    inline = shop.parts.ready().pipeline.search(SearchRequest(image=InlineImage(uri)))
    upload = shop.parts.ready().pipeline.search(SearchRequest(image=UploadedImage(png())))
    assert ids(inline) == ids(upload)


def test_a_product_as_the_image_is_not_among_its_own_results(shop: Shop) -> None:
    response = shop.parts.ready().pipeline.search(SearchRequest(text="like this", image=ProductImage("p3"), limit=100))
    assert len(response.results) == 19
    assert "p3" not in ids(response)
    assert shop.encoder.seen[-1].image is not None


def test_timings_name_every_stage(shop: Shop) -> None:
    times = shop.parts.ready().pipeline.search(SearchRequest(text="this", image=UploadedImage(png()))).timings_ms
    assert {"decode", "embed", "retrieve", "caption", "rerank", "total"} <= times.keys()
    assert (times["caption"], times["rerank"]) == (1.0, 2.0)
    assert "rerank" not in search(shop, enabled=False).timings_ms


def test_a_long_text_is_flagged(shop: Shop) -> None:
    assert search(shop, text="x" * 101).truncated
    assert not search(shop).truncated


def test_candidates_images_are_read_side_by_side(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    all_at_once, read = threading.Barrier(9, timeout=30), ImageStore.open

    def slow(images: ImageStore, key: str) -> DecodedImage:
        all_at_once.wait()  # breaks, unless nine reads are in progress
        return read(images, key)

    monkeypatch.setattr(ImageStore, "open", slow)
    assert len(search(shop).results) == 9
    shown = shop.strategy.calls[0][1]
    expected = [shop.images.read(shop.store.get(hit.id)[0].product.image_key).data for hit in shown]
    assert [hit.image and hit.image.getpixel((0, 0)) for hit in shown] == [
        decode_image(data, ImageLimits()).image.getpixel((0, 0)) for data in expected
    ]


def test_a_large_original_is_decoded_when_it_is_stored_and_never_for_reranking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = make_shop(tmp_path, products=0, working_image_side=64)
    large = encoded(two_tone((300, 150)))
    product = Product(id="p", title="A mug", image_key="")
    assert shop.parts.ready().products.put([ProductInput(product, [UploadedImage(large)])])[0].outcome == "created"
    monkeypatch.setattr(ImageStore, "open", None)
    search(shop)
    image = shop.strategy.calls[0][1][0].image
    assert image is not None and image.size == (64, 32)


def test_images_that_come_too_slowly_cost_the_reranking_and_not_the_deadline(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrived, asked, read = threading.Event(), [], ImageStore.rendition

    def slow(images: ImageStore, key: str) -> DecodedImage:
        asked.append(key)
        arrived.wait(30)
        return read(images, key)

    monkeypatch.setattr(ImageStore, "rendition", slow)
    response = search(shop, limit=20, candidates=20, deadline_ms=500)
    assert len(response.results) == 20
    assert (response.rerank.applied, response.rerank.degraded) == (False, Degraded.TIMEOUT)
    assert len(asked) == 16  # as many as are read side by side
    arrived.set()
    assert search(shop, candidates=20).rerank.applied  # readers and slots are free again
    assert len(asked) == 36  # and what nobody waited for any more was not read


def test_the_readers_of_images_end_with_the_parts(shop: Shop) -> None:
    def readers() -> set[threading.Thread]:
        return {thread for thread in threading.enumerate() if thread.name.startswith("candidate-images")}

    before = readers()
    search(shop)
    mine = readers() - before
    assert mine
    shop.parts.close()
    for thread in mine:
        thread.join(10)
    assert not any(thread.is_alive() for thread in mine)


def test_a_lost_image_does_not_cost_the_answer(shop: Shop, tmp_path: Path) -> None:
    for file in (tmp_path / "images").rglob("*.png"):
        file.unlink()
    assert search(shop).rerank.applied
    assert shop.strategy.calls[0][1][0].image is None


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        (SearchRequest(), EmptyQuery),
        (SearchRequest(text="  \n"), EmptyQuery),
        (SearchRequest(text="a", limit=0), InvalidValue),
        (SearchRequest(text="a", limit=101), InvalidValue),
        (SearchRequest(text="a", min_score=1.5), InvalidValue),
        (SearchRequest(text="a", min_score=float("nan")), InvalidValue),
        (SearchRequest(text="a" * 2001), InvalidValue),
        (SearchRequest(image=UploadedImage(b"no picture")), NotAnImage),
        (SearchRequest(image=InlineImage("data:image/png;base64,####")), NotAnImage),
        (SearchRequest(image=ProductImage("nobody")), UnknownProduct),
        (SearchRequest(text="a", rerank=RerankOptions(strategy="magic")), InvalidValue),
        (SearchRequest(text="a", rerank=RerankOptions(prompt="magic")), InvalidValue),
    ],
)
def test_what_the_caller_can_mend_is_said(shop: Shop, request_: SearchRequest, error: type[Exception]) -> None:
    with pytest.raises(error):
        shop.parts.ready().pipeline.search(request_)
    assert shop.strategy.calls == []


def test_a_filter_too_deep_is_refused_before_any_model_runs(shop: Shop) -> None:
    nested: dict[str, object] = {"category": {"eq": "mug"}}
    for _ in range(20):
        nested = {"not": nested}
    with pytest.raises(FilterError):
        shop.parts.ready().pipeline.search(SearchRequest(text="a", filter=Filter.model_validate(nested)))
    assert shop.encoder.seen == []


def test_a_prompt_for_another_layout_is_the_callers_mistake(shop: Shop) -> None:
    shop.strategy.raises = LayoutError("an engine's words")
    with pytest.raises(InvalidValue) as caught:
        search(shop, prompt="rank-panel")
    assert "engine's words" not in caught.value.detail


def test_a_failing_reranker_costs_the_reranking_and_nothing_else(shop: Shop) -> None:
    before = ids(search(shop, enabled=False))
    shop.strategy.raises = RuntimeError("CUDA out of memory at 0x7f")
    response = search(shop)
    assert ids(response) == before
    assert not response.rerank.applied
    assert response.rerank.degraded is Degraded.ERROR
    assert response.rerank.fault == "backend_error"


@pytest.mark.parametrize("reason", ["rerank_timeout", "rerank_error", "rerank_overloaded"])
def test_a_strategy_that_declares_failure_degrades(shop: Shop, reason: str) -> None:
    shop.strategy.degraded = reason
    response = search(shop)
    assert response.rerank.degraded == reason
    assert [result.retrieval_rank for result in response.results] == list(range(1, 10))
    assert all(result.scores.rerank is None for result in response.results)


def test_an_answer_without_any_label_is_not_called_a_ranking(shop: Shop) -> None:
    shop.strategy.behave = lambda n: Ranking.identity(n, Fault.REFUSAL)
    assert search(shop).rerank.degraded is Degraded.UNUSABLE


def test_repairs_are_named_by_product(shop: Shop) -> None:
    shop.strategy.behave = lambda n: Ranking(tuple(range(n)), Fault.MISSING, (n - 1,))
    response = search(shop)
    assert response.rerank.applied
    assert response.rerank.fault == "missing"
    assert response.rerank.repaired == (response.results[-1].product.id,)


@pytest.mark.parametrize("reason", ["rerank_timeout", "rerank_error", "rerank_overloaded"])
def test_required_reranking_that_fails_is_an_error(shop: Shop, reason: str) -> None:
    shop.strategy.degraded = reason
    with pytest.raises(RerankRequired):
        search(shop, require=True)


def test_a_store_that_is_away_is_said_and_forgiven_when_it_comes_back(tmp_path: Path) -> None:
    shop = make_shop(tmp_path)
    shop.store.failure = StoreUnavailable()
    with pytest.raises(StoreUnavailable):
        search(shop)
    shop.store.failure = None
    assert len(search(shop).results) == 9

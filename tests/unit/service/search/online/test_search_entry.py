"""What a line of the search log says was shown, and asked."""

from __future__ import annotations

from typing import Any

import pytest

from service.encoders.encoder import EncoderInfo
from service.product import Product
from service.search.online.search_entry import search_entry
from service.search.types import (
    Negative,
    Orders,
    RankedBy,
    RerankReport,
    ResultScores,
    SearchRequest,
    SearchResponse,
    SearchResult,
    SearchTrace,
)
from tests.fakes import FakeEncoder


def entry(request: SearchRequest, shown: str = "xz", order: str = "xyz", *, with_text: bool = True) -> dict[str, Any]:
    """The line of a search that found `order` and answered with `shown`."""
    report = RerankReport(applied=False)
    results = tuple(
        SearchResult(rank, rank, Product(id=id, image_key=""), ResultScores(1.0)) for rank, id in enumerate(shown, 1)
    )
    trace = SearchTrace((), None, 0, tuple(order), tuple(order), Orders(RankedBy(tuple(order), report)))
    answer = SearchResponse("id", None, False, results, report, {})
    info: EncoderInfo = FakeEncoder().info
    return search_entry(request, answer, trace, info, with_text=with_text)


def test_what_was_shown_comes_first_even_if_something_was_taken_out_of_its_midst() -> None:
    found = entry(SearchRequest(text="a mug"))
    assert found["order"][: found["shown"]] == ["x", "z"] and found["order"] == ["x", "z", "y"]


@pytest.mark.parametrize(
    ("request_", "left_out"),
    [
        (SearchRequest(text="a mug"), True),
        (SearchRequest(), False),
        (SearchRequest(negative=Negative("red")), True),
        (SearchRequest(negative=Negative()), False),
    ],
)
def test_a_text_that_is_left_out_is_not_mistaken_for_none(request_: SearchRequest, left_out: bool) -> None:
    assert entry(request_, with_text=False)["query"]["text_left_out"] is left_out
    assert entry(request_)["query"]["text_left_out"] is False

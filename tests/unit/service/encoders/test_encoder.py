"""What may be encoded."""

import pytest
from PIL import Image

from rerank.query import Query
from service.encoders.batching import BatchingEncoder
from service.encoders.encoder import check_not_empty
from service.errors import EmptyQuery
from tests.fakes import FakeEncoder


def test_nothing_is_not_encoded() -> None:
    with pytest.raises(EmptyQuery):
        check_not_empty([Query("a mug"), Query(" ")])


def test_a_text_or_an_image_is_enough() -> None:
    check_not_empty([Query("a mug"), Query("", Image.new("RGB", (3, 3)))])


def test_an_empty_query_costs_its_own_caller_alone_an_answer() -> None:
    encoder = BatchingEncoder(FakeEncoder())
    try:
        with pytest.raises(EmptyQuery):
            encoder.encode([Query()])
        assert len(encoder.encode([Query("a mug")]).vectors) == 1
    finally:
        encoder.close()

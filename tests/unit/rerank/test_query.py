"""The query: when it is empty, and what an image that is not yet opened may be."""

import pytest
from PIL import Image

from rerank.query import Query


@pytest.mark.parametrize("text", [None, "", "  \n"])
def test_a_blank_text_alone_is_empty(text: str | None) -> None:
    assert Query(text).is_empty
    assert not Query(text, Image.new("RGB", (3, 3))).is_empty
    assert not Query[str](text, "mug.png").is_empty


def test_a_query_is_for_searching_unless_it_says_otherwise() -> None:
    query = Query("a mug")
    assert (query.role, query.instruction) == ("query", None)

"""What may be encoded."""

import pytest
from PIL import Image

from service.encoders.encoder import EncoderQuery
from service.errors import EmptyQuery


@pytest.mark.parametrize("text", [None, "", "  \n"])
def test_nothing_is_no_query(text: str | None) -> None:
    with pytest.raises(EmptyQuery):
        EncoderQuery(text)


def test_a_text_or_an_image_is_enough() -> None:
    picture = Image.new("RGB", (3, 3))
    assert EncoderQuery("a mug").image is None
    assert EncoderQuery("", picture).image is picture

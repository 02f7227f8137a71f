"""Images in JSON."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import ImageTooLarge, InvalidImage, NotAnImage
from service.images.decode import ImageLimits, data_uri_bytes, decode_image
from tests.unit.service.images.sample_images import sample_image

LIMITS = ImageLimits()
BODY = base64.b64encode(sample_image()).decode()


@pytest.mark.parametrize(
    "head", ["data:image/png;base64,", "DATA:IMAGE/PNG;BASE64,", "data:image/jpeg;name=a.jpg;base64,"]
)
def test_good_uris(head: str) -> None:
    assert data_uri_bytes(head + BODY, LIMITS) == sample_image()


@pytest.mark.parametrize(
    ("uri", "error"),
    [
        ("", NotAnImage),
        (BODY, NotAnImage),
        ("data:image/png," + BODY, NotAnImage),
        ("data:image/png;base64," + BODY[:-3], NotAnImage),
        ("data:image/png;base64,!!!!", NotAnImage),
        ("data:image/png;base64,é" + BODY, NotAnImage),
        ("data:image/png;base64,aGVsbG8=", NotAnImage),
        ("https://example.com/a.png", NotAnImage),
        ("file:///etc/passwd", NotAnImage),
        ("/etc/passwd", NotAnImage),
    ],
)
def test_bad_uris(uri: str, error: type[InvalidImage]) -> None:
    with pytest.raises(error):
        decode_image(data_uri_bytes(uri, LIMITS), LIMITS)


def test_long_uris_are_refused_before_they_are_decoded() -> None:
    with pytest.raises(ImageTooLarge):
        data_uri_bytes("data:image/png;base64," + "é" * 4000, ImageLimits(max_bytes=1000))


@given(st.text())
def test_any_text_is_refused_politely(text: str) -> None:
    with pytest.raises(InvalidImage):
        decode_image(data_uri_bytes("data:image/png;base64," + text, LIMITS), LIMITS)

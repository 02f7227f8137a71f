"""Images of one request: counted before they are decoded, and kept in shares of one bound."""

from __future__ import annotations

import pytest

from rerank.cancellation import Cancellation, Cancelled, current_cancellation
from service.errors import ImageTooLarge
from service.images.decode import ImageLimits
from service.images.sources import ImageLoader, UploadedImage
from service.search.contents import ContentOpener, GivenQuery, PlacedQuery
from tests.fakes import png

IMAGES = ImageLoader(ImageLimits())


def contents(*sizes: tuple[int, int]) -> list[PlacedQuery]:
    given = [GivenQuery(image=UploadedImage(png("red", size))) for size in sizes]
    return [PlacedQuery(query, f"/documents/{place}") for place, query in enumerate(given)]


def test_the_first_image_beyond_the_bound_is_named() -> None:
    given = contents((10, 10), (20, 10), (10, 10))
    ContentOpener(IMAGES, max_pixels=400, contents=given)
    with pytest.raises(ImageTooLarge) as caught:
        ContentOpener(IMAGES, max_pixels=399, contents=given)
    assert caught.value.extensions == {
        "errors": [{"pointer": "/documents/2", "detail": caught.value.detail}],
    }


def test_open_images_share_one_bound_and_keep_their_proportions() -> None:
    given = [*contents((100, 50), (10, 10)), PlacedQuery(GivenQuery("a mug"))]
    opener = ContentOpener(IMAGES, max_pixels=10_000, contents=given, kept_pixels=2 * 800)
    large, small, text = opener.open(given)
    assert large.image is not None and small.image is not None and text.image is None
    assert (large.image.size, small.image.size) == ((40, 20), (10, 10))
    [whole] = ContentOpener(IMAGES, max_pixels=10_000, contents=given).open(given[:1])
    assert whole.image is not None and whole.image.size == (100, 50)
    assert whole.image_hash == large.image_hash


def test_nothing_is_opened_for_a_client_that_has_gone() -> None:
    cancellation = Cancellation()
    token = current_cancellation.set(cancellation)
    try:
        opener = ContentOpener(IMAGES, max_pixels=10_000, contents=contents((10, 10)))
        cancellation.cancel()
        with pytest.raises(Cancelled):
            opener.open(contents((10, 10)))
    finally:
        current_cancellation.reset(token)

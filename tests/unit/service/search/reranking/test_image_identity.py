"""An image is one image to a cache, whether it was sent as a query or is a product's."""

from __future__ import annotations

from pathlib import Path

from service.images.store.image_store import ImageStore, hash_in
from tests.fakes import png


def test_the_hash_in_a_key_is_that_of_the_image(tmp_path: Path) -> None:
    images = ImageStore(tmp_path)
    key = images.put(png("red"))
    assert hash_in(key) == images.open(key).content_hash == images.rendition(key).content_hash
    assert hash_in("") == ""

"""An image is one image to a cache, whether it was sent as a query or is a product's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from PIL import Image

from rerank.prompts import PromptLibrary
from rerank.strategies.listwise import ListwiseStrategy
from service.images.sources import UploadedImage
from service.images.store.image_store import ImageStore, hash_in
from service.search.types import ProductImage, SearchRequest
from starter.engine_adapter import StarterEngine
from starter.namer import Named
from starter.vlm.model import Scored
from tests.fakes import make_shop, png


@dataclass
class CountingVlm:
    """Counts the images that it looks at."""

    labels: str = "ABCDEFGHI"
    looked_at: list[Image.Image] = field(default_factory=list)

    def see(self, images: Sequence[Image.Image], **_: object) -> list[Image.Image]:
        self.looked_at.extend(images)
        return list(images)

    def score(self, _: str, query: object, candidates: Sequence[object], **__: object) -> Scored:
        scores = tuple(1.0 / (place + 1) for place in range(len(candidates)))
        return Scored(scores, scores)

    def name(self, _: object) -> Named:
        return Named()

    def knows(self, _: Sequence[object]) -> bool:
        return True


def test_an_image_seen_as_a_query_and_as_a_candidate_is_looked_at_once(tmp_path: Path) -> None:
    vlm = CountingVlm()
    strategy = ListwiseStrategy(StarterEngine(cast(Any, vlm)), PromptLibrary.load())
    shop = make_shop(tmp_path, products=5, strategy=strategy)
    pipeline = shop.parts.ready().pipeline
    sent = shop.images.read(shop.store.get("p0")[0].product.image_key).data
    found = pipeline.search(SearchRequest(text="a mug with this", image=UploadedImage(sent)))
    assert found.rerank.applied and len(found.results) == 5
    assert len(vlm.looked_at) == 5, "five products, and a query that shows one of them"
    pipeline.search(SearchRequest(text="a cap with this", image=ProductImage("p3")))
    assert len(vlm.looked_at) == 5


def test_the_hash_in_a_key_is_that_of_the_image(tmp_path: Path) -> None:
    images = ImageStore(tmp_path)
    key = images.put(png("red"))
    assert hash_in(key) == images.open(key).content_hash == images.rendition(key).content_hash
    assert hash_in("") == ""

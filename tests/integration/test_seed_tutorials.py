"""What the two seed tutorials show, through the real parts: text → image, image → image, IVF_FLAT, a threshold.

CLIP and Chinese-CLIP stand here with tiny random weights: the way is real, the similarity of texts to images is noise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from service.build import assemble, open_images
from service.catalog.document_form import IMAGE_ONLY
from service.catalog.ingest import ingest
from service.encoders.clip_family.encoder import ClipEncoder
from service.images.sources import UploadedImage
from service.search.types import ProductImage, RerankOptions, SearchRequest
from service.server.catalog import Catalog
from service.settings import Settings
from service.stores.milvus.milvus_store import MilvusStore
from tests.fakes import make_shop, png
from tests.unit.service.encoders.tiny_clip import POEM, make_chinese_clip, make_clip

COLOURS = ("red", "orange", "gold", "green", "teal", "navy", "purple", "black", "white", "grey")
Make = Callable[[Path], Path]


@pytest.fixture(params=[make_clip, make_chinese_clip], ids=["clip", "chinese-clip"])
def parts(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Catalog]:
    """Ten images, indexed by a real encoder into a real Milvus Lite with IVF_FLAT."""
    encoder = ClipEncoder.load(request.param(tmp_path / "model"), device="cpu")
    store = MilvusStore(str(tmp_path / "milvus.db"), index_type="IVF_FLAT", index_params={"nlist": 4})
    feed = tmp_path / "feed"
    feed.mkdir()
    for number, colour in enumerate(COLOURS):
        image = Image.new("RGB", (60, 40), colour)
        image.paste("white", (5 * number, 4, 5 * number + 12, 30))
        image.save(feed / f"{colour}.png")
    settings = Settings(_env_file=None, data_dir=tmp_path)
    images = open_images(settings)
    assert ingest(feed, encoder, store, images, document=IMAGE_ONLY).indexed == len(COLOURS)
    rerank = make_shop(tmp_path / "fakes").parts.rerank
    opened = assemble(encoder=encoder, store=store, images=images, rerank=rerank, settings=settings)
    yield opened
    opened.close()


def plain(**values: object) -> SearchRequest:
    return SearchRequest(**{"rerank": RerankOptions(enabled=False), **values})  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["a white dog", POEM])
def test_text_to_image(parts: Catalog, text: str) -> None:
    results = parts.ready().pipeline.search(plain(text=text, limit=10)).results
    assert len({result.product.id for result in results}) == 10
    scores = [result.scores.retrieval for result in results]
    assert scores == sorted(scores, reverse=True)


def test_image_to_image_finds_the_image_itself(parts: Catalog, tmp_path: Path) -> None:
    for colour in COLOURS:
        data = (tmp_path / "feed" / f"{colour}.png").read_bytes()
        best = parts.ready().pipeline.search(plain(image=UploadedImage(data), limit=3)).results[0]
        assert best.product.title == colour and best.scores.retrieval == pytest.approx(1, abs=1e-4)


def test_a_product_of_the_catalog_is_not_its_own_answer(parts: Catalog) -> None:
    first = parts.ready().pipeline.search(plain(text="a", limit=1)).results[0].product.id
    results = parts.ready().pipeline.search(plain(image=ProductImage(first), limit=10)).results
    assert len(results) == 9 and first not in {result.product.id for result in results}


def test_a_threshold_leaves_out_exactly_what_is_below_it(parts: Catalog) -> None:
    image = UploadedImage(png("red", (60, 40)))
    scores = [result.scores.retrieval for result in parts.ready().pipeline.search(plain(image=image, limit=10)).results]
    for place in range(10):
        found = parts.ready().pipeline.search(plain(image=image, limit=10, min_score=scores[place])).results
        assert [result.scores.retrieval for result in found] == scores[: place + 1]
    assert parts.ready().pipeline.search(plain(image=image, limit=4, min_score=scores[9])).results[-1].rank == 4

"""What vectors of products are made of, and when they are made again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rerank.query import Query
from service.catalog.document_form import DEFAULT_FORM, IMAGE_ONLY, MOST_CHARS, DocumentForm
from service.catalog.documents import Documents
from service.catalog.ingest import ingest
from service.catalog.products import Outcome, ProductInput, Products
from service.catalog.reindex import reindex
from service.encoders.encoder import Modality
from service.errors import EncoderMismatch, InvalidValue
from service.images.decode import ImageLimits
from service.images.sources import ImageLoader, UploadedImage
from service.images.store.image_store import ImageStore
from service.product import Product
from service.stores.exact.exact_store import ExactStore
from tests.fakes import FakeEncoder, MemoryStore, png
from tests.integration.records import record

ATTRIBUTES = {"brand": "Oatly", "description": ["soft", "warm"], "size": 3}
HOODIE = Product(id="h", title="Blue hoodie", category="hoodie", attributes=ATTRIBUTES, image_key="")


def test_the_words_of_a_form_stand_in_its_order_and_once() -> None:
    assert DEFAULT_FORM.words(HOODIE) == "Blue hoodie. hoodie. Oatly. soft. warm"
    assert DocumentForm(("size", "category")).words(HOODIE) == "3. hoodie"
    assert DocumentForm(("title", "name")).words(HOODIE.model_copy(update={"attributes": {"name": "Blue hoodie"}})) == (
        "Blue hoodie"
    )
    assert IMAGE_ONLY.words(HOODIE) is None
    assert len(DEFAULT_FORM.words(HOODIE.model_copy(update={"title": "x" * 9000})) or "") == MOST_CHARS


def test_a_document_has_what_its_form_names_and_never_nothing() -> None:
    image, bare = Image.new("RGB", (4, 4)), Product(id="b", image_key="")
    assert DEFAULT_FORM.document(HOODIE, image) == Query(
        DEFAULT_FORM.words(HOODIE), image, role="document", text_share=0.5
    )
    assert DEFAULT_FORM.document(HOODIE, None) == Query(DEFAULT_FORM.words(HOODIE), role="document")
    assert IMAGE_ONLY.document(HOODIE, image) == Query(None, image, role="document")
    assert DocumentForm(("title",)).document(HOODIE, image) == Query("Blue hoodie", role="document")
    assert DocumentForm(("title",)).document(bare, image) == Query(None, image, role="document")
    assert IMAGE_ONLY.document(HOODIE, None) is None is DEFAULT_FORM.document(bare, None)


@pytest.mark.parametrize("form", [IMAGE_ONLY, DEFAULT_FORM, DocumentForm(("title",)), DocumentForm(("a b", "image"))])
def test_a_fingerprint_says_the_form(form: DocumentForm) -> None:
    assert DocumentForm.of(form.fingerprint("abc123")) == form
    assert IMAGE_ONLY.fingerprint("abc123") == "abc123"  # of collections of before there were forms


def test_a_new_collection_has_words_and_one_of_before_goes_on_without() -> None:
    new, old = ExactStore(), ExactStore()
    old.ensure(FakeEncoder.info)
    for store, form in ((new, DEFAULT_FORM), (old, IMAGE_ONLY)):
        documents = Documents(FakeEncoder())
        documents.bind(store)
        assert documents.form == form
        again = Documents(FakeEncoder())
        again.bind(store)
        assert again.form == form
    asked = Documents(FakeEncoder(), DEFAULT_FORM)
    with pytest.raises(EncoderMismatch):
        asked.bind(old)


@pytest.mark.parametrize("modalities", [{"text", "image"}, {"image", "composed"}])
def test_an_encoder_that_does_not_embed_image_and_words_sees_images_alone(modalities: set[Modality]) -> None:
    class Images(FakeEncoder):
        info = replace(FakeEncoder.info, modalities=frozenset(modalities))

    assert Documents(Images()).form == IMAGE_ONLY


def test_words_alone_are_no_document_where_a_text_needs_an_image() -> None:
    class Images(FakeEncoder):
        info = replace(FakeEncoder.info, modalities=frozenset({"image", "composed"}))

    documents, mug = Documents(Images(), DEFAULT_FORM), Product(id="1", title="Blue mug", image_key="")
    assert documents.document(mug, Image.new("RGB", (8, 8))).text == "Blue mug"
    with pytest.raises(InvalidValue, match="needs an image"):
        documents.document(mug, None)


class Shop:
    """A catalog with words in its vectors."""

    def __init__(self, folder: Path) -> None:
        self.encoder, self.store = FakeEncoder(), MemoryStore(built_by=None)
        self.images = ImageStore(folder / "images")
        documents = Documents(self.encoder)
        documents.bind(self.store)
        self.products = Products(
            documents=documents, store=self.store, images=self.images, image_loader=ImageLoader(ImageLimits())
        )

    def put(self, id: str, *colors: str, **fields: object) -> Outcome:
        images = [UploadedImage(png(color)) for color in colors] or None
        [result] = self.products.put(
            [ProductInput(Product.model_validate({"id": id, "image_key": "", **fields}), images)]
        )
        if result.error is not None:
            raise result.error
        return result.outcome

    def texts(self) -> list[tuple[str | None, bool]]:
        """What was encoded, and whether an image was beside it; forgotten then."""
        seen = [(query.text, query.image is not None) for query in self.encoder.seen]
        self.encoder.seen.clear()
        return seen


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def test_a_field_in_the_vector_is_encoded_again_and_another_is_not(shop: Shop) -> None:
    shop.put("p", "red", "blue", title="Mug")
    assert shop.texts() == [("Mug", True), ("Mug", True)]
    vectors = [row.vector for row in shop.store.get("p")]
    shop.products.patch("p", {"price": 5, "attributes": {"size": "L"}})
    shop.put("p", title="Mug", price=7)
    assert shop.texts() == [] and [row.vector for row in shop.store.get("p")] == vectors
    shop.products.patch("p", {"title": "Cup"})
    assert shop.texts() == [("Cup", True), ("Cup", True)]
    shop.put("p", title="Cup", category="cups")
    assert shop.texts() == [("Cup. cups", True), ("Cup. cups", True)]
    assert shop.put("p", "red", "blue", title="Cup", category="cups") is Outcome.UNCHANGED
    shop.put("p", "blue", title="Bowl")
    assert shop.texts() == [("Bowl", True)] and len(shop.store.get("p")) == 1


def test_one_image_under_two_products_has_two_vectors(shop: Shop) -> None:
    items = [ProductInput(Product(id=t, title=t, image_key=""), [UploadedImage(png())]) for t in ("Mug", "Cup")]
    shop.products.put(items)
    [mug], [cup] = shop.store.get("Mug"), shop.store.get("Cup")
    assert mug.product.image_key == cup.product.image_key and not np.allclose(mug.vector, cup.vector)


def test_a_product_without_an_image_has_its_words(shop: Shop) -> None:
    assert shop.put("p", title="Gift card") is Outcome.CREATED
    [row] = shop.store.get("p")
    assert (row.product.image_key, shop.texts()) == ("", [("Gift card", False)])
    assert shop.put("p", title="Gift card") is Outcome.UNCHANGED
    shop.put("p", "red", title="Gift card")
    assert shop.texts() == [("Gift card", True)] and shop.store.get("p")[0].product.image_key
    with pytest.raises(InvalidValue, match="WITHTHIS_DOCUMENT"):
        shop.put("q", price=3)
    assert shop.store.get("q") == []


def test_new_words_need_the_stored_image(shop: Shop) -> None:
    shop.put("p", "red", title="Mug")
    for file in shop.images._blobs.list():
        shop.images._blobs.delete(file.name)
    shop.products.patch("p", {"price": 3})
    with pytest.raises(InvalidValue, match="lost"):
        shop.products.patch("p", {"title": "Cup"})
    assert shop.store.get("p")[0].product.title == "Mug"


def test_a_feed_is_indexed_with_words_and_without_images(tmp_path: Path) -> None:
    encoder, store = FakeEncoder(), ExactStore()
    feed, images = tmp_path / "feed.csv", ImageStore(tmp_path / "images")
    (tmp_path / "red.png").write_bytes(png("red"))
    rows = ["id,title,price,image", "a,Mug,1,red.png", "b,Gift card,2,", "b,Gift card,2,", "c,,3,", "d,Cup,4,gone.png"]

    def run() -> tuple[int, ...]:
        feed.write_text("\n".join(rows))
        report = ingest(feed, encoder, store, images)
        return report.indexed, report.refreshed, report.unchanged, report.rejected, report.without_image

    assert run() == (2, 0, 0, 2, 1)
    assert [(query.text, query.image is not None) for query in encoder.seen] == [("Mug", True), ("Gift card", False)]
    assert run() == (0, 0, 2, 2, 1)
    rows[1], rows[2:4] = "a,Cup,1,red.png", ["b,Gift card,9,"]
    assert run() == (1, 1, 0, 2, 1)
    assert [query.text for query in encoder.seen[2:]] == ["Cup"]


def test_a_reindex_switches_the_form(tmp_path: Path) -> None:
    store, images = ExactStore(), ImageStore(tmp_path / "images")
    store.ensure(FakeEncoder.info)
    key = images.put(png("red"))
    store.upsert([record("a", title="Mug", image_key=key), record("b", seed=1, title="Gift card")])
    encoder = FakeEncoder()
    report = reindex(store, encoder, images, notice_s=0)
    assert (report.encoded, report.copied, report.without_picture) == (2, 0, 0)
    assert sorted((query.text, query.image is not None) for query in encoder.seen) == [
        ("Gift card. mug", False),
        ("Mug. mug", True),
    ]
    documents = Documents(FakeEncoder())
    documents.bind(store)
    assert documents.form == DEFAULT_FORM
    assert reindex(store, FakeEncoder(), images, notice_s=0).copied == 2
    back = reindex(store, FakeEncoder(), images, document=IMAGE_ONLY, notice_s=0, drop_missing=True)
    assert (back.encoded, back.without_picture, store.built_by()) == (1, 1, ("fake", "fake-1"))

"""The images of a product that is being written, each with its vector or with what is encoded for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from PIL import Image

from rerank.query import Query
from service.catalog.documents import Documents
from service.errors import ImageNotFound, InvalidImage, InvalidValue
from service.images.decode import DecodedImage
from service.images.sources import ImageInput, ImageLoader
from service.images.store.image_store import ImageStore
from service.product import Product
from service.stores.store import Record, Vector
from service.support.batches import in_batches

ENCODE_BATCH = 8
"""Images encoded at once; few, so that searches get their turn in between."""

LOST_IMAGE = (
    "The stored image of this product is lost or damaged, so that no vector can be made of it and the new words. Send "
    "the product with its images."
)


@dataclass(frozen=True, slots=True)
class RowImage:
    """One image of a product in the making; `vector` or `document` is there. No image has an empty `key`.

    `data`: its encoded bytes, where they were sent.
    """

    key: str
    data: bytes | None = None
    decoded: DecodedImage | None = None
    vector: Vector | None = None
    document: Query | None = None


class ProductImages:
    """Reads images of products, and makes the vectors that are not stored yet."""

    def __init__(self, documents: Documents, images: ImageStore, loader: ImageLoader) -> None:
        """`loader` reads what callers send."""
        self._documents = documents
        self._images = images
        self._loader = loader

    def kept(self, product: Product, row: Record) -> RowImage:
        """The image of a stored row, under new fields. Raises InvalidValue if it is needed and lost."""
        key = row.product.image_key
        if self._documents.are_alike(product, row.product):
            return RowImage(key, vector=row.vector)
        return RowImage(key, document=self._documents.document(product, self._stored(key)))

    def sent(self, product: Product, source: ImageInput, rows: Mapping[str, Record]) -> RowImage:
        """An image that was sent; `rows`: those stored of the product, by image. Raises InvalidInput."""
        data = self._loader.read(source)
        key = self._images.key(data)
        if key in rows and self._documents.are_alike(product, rows[key].product):
            return RowImage(key, data, vector=rows[key].vector)
        decoded = self._loader.decode(data)
        return RowImage(key, data, decoded, document=self._documents.document(product, decoded.image))

    def none(self, product: Product) -> RowImage:
        """What stands for the image of a product without one. Raises InvalidValue if it has no words either."""
        return RowImage("", document=self._documents.document(product, None))

    def vectors(self, images: Sequence[RowImage]) -> list[Vector]:
        """A vector for each image, in their order."""
        new = [image.document for image in images if image.document is not None]
        made = iter([vector for part in in_batches(new, ENCODE_BATCH) for vector in self._documents.encode(part)])
        return [image.vector if image.vector is not None else next(made) for image in images]

    def keep(self, image: RowImage, *, known: bool) -> None:
        """Put what was sent into the image store; `known`: its row is stored already."""
        if image.data is not None:
            self._images.put(image.data, known=known, decoded=image.decoded)

    def _stored(self, key: str) -> Image.Image | None:
        if not key:
            return None
        try:
            return self._images.open(key).image
        except (ImageNotFound, InvalidImage) as error:
            raise InvalidValue(LOST_IMAGE) from error

"""The images of a query, from their sources to pixels: those searched for, and one that results should not be like."""

from __future__ import annotations

from dataclasses import dataclass, replace

from rerank.cancellation import check_cancelled
from rerank.query import Query
from service.errors import InvalidValue, UnknownProduct
from service.images.crop import WHOLE, Crop
from service.images.decode import DecodedImage
from service.images.sources import ImageLoader
from service.images.store.renditions import Renditions
from service.search.contents import opened_query, placed
from service.search.types import CroppedImage, ImageSource, ProductImage, SearchRequest, WholeImage
from service.stores.store import Store

PRODUCT_WITHOUT_IMAGE = "The product in product_id has no image. Use its title as the text of the query instead."


@dataclass(frozen=True, slots=True)
class OpenedImages:
    """Decoded images: those searched for, with the weight of each, and the one that results should not be like."""

    wanted: tuple[DecodedImage, ...] = ()
    weights: tuple[float, ...] = ()
    unwanted: DecodedImage | None = None

    @property
    def hashes(self) -> tuple[str, ...]:
        """The content hashes of those that are searched for, in their order."""
        return tuple(image.content_hash for image in self.wanted)

    def unwanted_queries(self, text: str | None) -> list[Query]:
        """A text that is not wanted, and the image, each by itself, as they are embedded."""
        image = [opened_query(None, self.unwanted)] if self.unwanted else []
        return [*([Query(text)] if text else []), *image]

    @property
    def unwanted_hash(self) -> str | None:
        """The content hash of the one that results should not be like."""
        return self.unwanted.content_hash if self.unwanted else None

    def query(self, text: str | None) -> Query:
        """The query that a caption and a reranker are about: the text, with the first image."""
        return opened_query(text, self.wanted[0] if self.wanted else None)

    def each(self, query: Query) -> list[Query]:
        """`query` once with each image, as they are embedded; itself without any."""
        return [replace(query, image=one.image, image_hash=one.content_hash) for one in self.wanted] or [query]


class QueryImages:
    """Opens the images of queries. Thread-safe."""

    def __init__(self, store: Store, images: Renditions, image_loader: ImageLoader) -> None:
        self._store = store
        self._images = images
        self._image_loader = image_loader

    def open(self, request: SearchRequest) -> OpenedImages:
        """Decode them, one after the other.

        Raises:
            InvalidInput: one cannot be used; `errors` says which of several.
            UnknownProduct, ImageNotFound: a product, or its image, does not exist.
            Cancelled: the client has disconnected.
        """
        unwanted = request.negative.image if request.negative else None
        pointers = [f"/images/{place}" for place in range(len(request.images))] or ["/image"]
        return OpenedImages(
            tuple(map(self._opened, [one.source for one in request.wanted_images], pointers)),
            tuple(one.weight for one in request.wanted_images),
            self._opened(unwanted, "/negative_image") if unwanted else None,
        )

    def _opened(self, source: ImageSource, pointer: str) -> DecodedImage:
        check_cancelled()
        whole, crop = _parts(source)
        with placed(pointer):
            if isinstance(whole, ProductImage):
                return self._image_loader.crop(self._product_image(whole.product_id), crop)
            return self._image_loader.open(whole, crop)

    def _product_image(self, product_id: str) -> DecodedImage:
        rows = self._store.get(product_id)
        if not rows:
            raise UnknownProduct
        if not (key := rows[0].product.image_key):
            raise InvalidValue(PRODUCT_WITHOUT_IMAGE)
        return self._images.rendition(key)


def products_of(request: SearchRequest) -> frozenset[str]:
    """The products whose images the query has. None is a result: it would be the query, or what is not wanted."""
    sources = [one.source for one in request.wanted_images]
    if request.negative is not None and request.negative.image is not None:
        sources.append(request.negative.image)
    return frozenset(id for id in map(product_of, sources) if id is not None)


def product_of(source: ImageSource) -> str | None:
    """The product whose image this is, or None."""
    whole, _ = _parts(source)
    return whole.product_id if isinstance(whole, ProductImage) else None


def _parts(source: ImageSource) -> tuple[WholeImage, Crop]:
    return (source.source, source.crop) if isinstance(source, CroppedImage) else (source, WHOLE)

"""The first half of a search: check a request, decode its picture, embed both as one vector, find the nearest."""

from __future__ import annotations

import math
from dataclasses import dataclass

from service.catalog.images import ImageStore
from service.encoders.base import Encoder, EncoderQuery
from service.errors import EmptyQuery, InvalidValue, UnknownProduct
from service.media.decode import DecodedImage
from service.media.pictures import PictureLoader
from service.search_types import ImageSource, ProductImage, SearchRequest
from service.stage_clock import StageClock
from service.stores.base import Hit, Store, Vector
from service.stores.filters import compile_filter


@dataclass(frozen=True, slots=True)
class DecodedQuery:
    """A request with its picture decoded; `excluded` is the product whose picture is the query."""

    text: str | None
    image: DecodedImage | None
    excluded: str | None = None


@dataclass(frozen=True, slots=True)
class Retrieved:
    """The products found, best first. `truncated`: the text was cut to what the encoder takes."""

    query: DecodedQuery
    hits: tuple[Hit, ...]
    truncated: bool


class Retriever:
    """Turns a `SearchRequest` into hits in retrieval order. Thread-safe."""

    def __init__(
        self,
        *,
        encoder: Encoder,
        store: Store,
        images: ImageStore,
        pictures: PictureLoader,
        max_limit: int,
        max_text_chars: int,
    ) -> None:
        """`max_limit`: the most results that may be asked for; `max_text_chars`: the longest sentence."""
        self._encoder = encoder
        self._store = store
        self._images = images
        self._pictures = pictures
        self._max_limit = max_limit
        self._max_text_chars = max_text_chars

    def check(self, request: SearchRequest) -> None:
        """Refuse what cannot be answered, before any model runs. Raises InvalidInput."""
        if not 1 <= request.limit <= self._max_limit:
            raise InvalidValue(f"limit must be between 1 and {self._max_limit}.")
        if len(request.text or "") > self._max_text_chars:
            raise InvalidValue(f"text must have at most {self._max_text_chars} characters.")
        if request.min_score is not None and not -1 <= request.min_score <= 1:
            raise InvalidValue("min_score must be between -1 and 1.")
        if request.filter is not None:
            compile_filter(request.filter)  # a filter that is too large is refused here

    def retrieve(self, request: SearchRequest, clock: StageClock) -> Retrieved:
        """The products nearest to a request that was checked; the stages decode, embed and retrieve are timed.

        Raises:
            InvalidInput: an empty query, an unusable picture, an unknown product.
            StoreUnavailable, EncoderMismatch: the catalogue cannot be searched now.
        """
        with clock.stage("decode"):
            query = self._decode(request)
        with clock.stage("embed"):
            vector, truncated = self._embed(query)
        with clock.stage("retrieve"):
            hits = self._nearest(vector, request, query.excluded)
        return Retrieved(query, tuple(hits), truncated)

    def _decode(self, request: SearchRequest) -> DecodedQuery:
        text = (request.text or "").strip() or None
        if text is None and request.image is None:
            raise EmptyQuery
        excluded = request.image.product_id if isinstance(request.image, ProductImage) else None
        image = self._load(request.image) if request.image is not None else None
        return DecodedQuery(text, image, excluded)

    def _load(self, source: ImageSource) -> DecodedImage:
        if isinstance(source, ProductImage):
            return self._product_image(source.product_id)
        return self._pictures.open(source)

    def _product_image(self, product_id: str) -> DecodedImage:
        rows = [row for row in self._store.get(product_id) if row.image_key]
        if not rows:
            raise UnknownProduct
        return self._images.open(rows[0].image_key)

    def _embed(self, query: DecodedQuery) -> tuple[Vector, bool]:
        image = query.image.image if query.image else None
        embeddings = self._encoder.encode([EncoderQuery(query.text, image)])
        return embeddings.vectors[0], bool(embeddings.truncated[0])

    def _nearest(self, vector: Vector, request: SearchRequest, excluded: str | None) -> list[Hit]:
        """The best `limit` products that are similar enough, without the one whose picture is the query."""
        limit = request.limit + (excluded is not None)
        hits = self._store.search(vector, limit=limit, filter=request.filter)
        least = -math.inf if request.min_score is None else request.min_score
        return [hit for hit in hits if hit.product_id != excluded and hit.score >= least][: request.limit]

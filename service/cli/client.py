"""The client of the command line: takes requests of the pipeline, and raises errors fit to be printed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from types import TracebackType
from typing import Any, Self

from PIL.Image import Image

from service.client import Client, ClientError, ConnectionFailedError, NotFoundError, ProblemError
from service.client.retry import RetryPolicy
from service.errors import InvalidImage, WithThisError
from service.images.decode import decode_image
from service.images.sources import InlineImage, UploadedImage, UrlImage
from service.search.retrieval_types import HybridOptions
from service.search.types import CroppedImage, ImageSource, ProductImage, SearchRequest
from service.settings import Settings
from service.stores.filters import Filter
from service.support.batches import in_batches
from service.wire.catalogs import DEFAULT_CATALOG
from service.wire.products import DeletionOut, ItemOut
from service.wire.search import SearchOut

_SPARE_S = 30.0
_PAGE = 100


class ServiceError(WithThisError):
    """The service refused, does not answer, or is something else."""

    status = 503
    title = "The service cannot be reached"
    default_detail = "There is no WithThis service at this URL. Check it; `withthis serve` prints the right one."
    retry_after_s: float | None = None

    @classmethod
    def of(cls, refusal: ProblemError) -> Self:
        """What the service said, with its title, status and places; something in between may have said nothing."""
        if not refusal.problem:
            return cls()
        error = cls(refusal.detail, errors=_places(refusal.problem.get("errors")))
        error.title, error.status, error.retry_after_s = refusal.title, refusal.status, refusal.retry_after_s
        return error


class ServiceClient:
    """A running service, as the commands use it. Use it in a `with`. All methods raise ServiceError."""

    def __init__(self, url: str, settings: Settings, *, catalog: str = DEFAULT_CATALOG, retries: int = 0) -> None:
        """A search is not repeated: whoever types a command sees what happens. `retries`: for long runs."""
        self._limits = settings.image_limits
        timeout = settings.rerank.deadline_ms / 1000 + _SPARE_S
        key = settings.server.client_key.get_secret_value() if settings.server.client_key else None
        with told():
            self._client = Client(
                url, api_key=key, catalog=catalog, timeout=timeout, retry=RetryPolicy(retries=retries)
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._client.close()

    def search(self, request: SearchRequest) -> SearchOut:
        """Send a search. The error holds the service's own advice where it gave any."""
        rerank = {name: value for name, value in asdict(request.rerank).items() if value is not None}
        with told():
            return self._client.search(
                request.text,
                image=_image(request.image),
                images=[{**_field(one.source), "weight": one.weight} for one in request.images] or None,
                filter=request.filter,
                limit=request.limit,
                min_score=request.min_score,
                sort=[{"field": key.field, "order": "desc" if key.descending else "asc"} for key in request.sort],
                group_by=asdict(request.group_by) if request.group_by else None,
                diversity=request.diversity.balance if request.diversity else None,
                hybrid=_hybrid(request.hybrid),
                understand=request.understand,
                negative_text=request.negative.text if request.negative else None,
                negative_image=_image(request.negative.image) if request.negative else None,
                negative_weight=request.negative.weight if request.negative else None,
                rerank=rerank,
            )

    def put_products(self, products: Iterable[Mapping[str, Any]]) -> Iterator[ItemOut]:
        """Send products, some at a time; the outcome for each, in order."""
        with told():
            yield from self._client.put_products(products)

    def product_ids(self) -> Iterator[list[str]]:
        """The ids of all products, in batches."""
        with told():
            yield from in_batches((product.id for product in self._client.list_products()), _PAGE)

    def delete_products(self, ids: Iterable[str]) -> None:
        """Delete products by id; those that are gone already are none of ours to worry about."""
        with told():
            for some in in_batches(ids, _PAGE):
                self._client.delete_products({"id": {"in": some}})

    def delete_matching(self, filter: Filter | None, *, dry_run: bool) -> DeletionOut:
        """Delete what matches, or count it; None: all products."""
        with told():
            return (
                self._client.delete_all_products(dry_run=dry_run)
                if filter is None
                else self._client.delete_products(filter, dry_run=dry_run)
            )

    def export(self, filter: Filter | None, *, vectors: bool) -> Iterator[bytes]:
        """The lines of an export."""
        with told():
            yield from self._client.export_products(filter=filter, vectors=vectors)

    def image_bytes(self, key: str) -> bytes | None:
        """An image of the catalog as it is stored; None if it is lost."""
        with told():
            try:
                return self._client.image(key)
            except NotFoundError:
                return None

    def image(self, key: str) -> Image | None:
        """An image of the catalog; None if it is lost."""
        try:
            return decode_image(self._client.image(key), self._limits).image
        except (ClientError, InvalidImage):
            return None


def _places(given: Any) -> list[dict[str, str]]:
    """The wrong places that a problem document names; it comes from outside."""
    places = [place for place in given if isinstance(place, dict)] if isinstance(given, list) else []
    return [{name: str(place.get(name, "")) for name in ("pointer", "detail")} for place in places]


@contextmanager
def told() -> Iterator[None]:
    """Raise ServiceError for errors of the client."""
    try:
        yield
    except ProblemError as error:
        raise ServiceError.of(error) from error
    except ConnectionFailedError as error:
        raise ServiceError(str(error)) from error
    except ClientError as error:
        raise ServiceError from error


def _hybrid(options: HybridOptions | None) -> Any:
    """As requested; defaults are left to the service."""
    if options is None:
        return False
    return {"lexical_weight": options.lexical_weight} if options.required else None


def _image(source: ImageSource | None) -> Any:
    """A file travels as it is; anything else as the field of the request."""
    return source.data if isinstance(source, UploadedImage) else source and _field(source)


def _field(source: ImageSource) -> dict[str, Any]:
    match source:
        case UploadedImage(data):
            return {"data": data}
        case InlineImage(uri):
            return {"data": uri}
        case UrlImage(url):
            return {"url": url}
        case ProductImage(product_id):
            return {"product_id": product_id}
        case CroppedImage(whole, crop):
            return {**_field(whole), "crop": asdict(crop)}

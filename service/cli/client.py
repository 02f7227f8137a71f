"""A small client of the service's own HTTP API."""

from __future__ import annotations

import json
from types import TracebackType
from typing import Any, Self

import httpx
from PIL.Image import Image
from pydantic import ValidationError

from service.api.schemas import SearchOut
from service.errors import InvalidImage, WithThisError
from service.media.decode import decode_image
from service.search_types import InlineImage, ProductImage, SearchRequest, UploadedImage
from service.settings import Settings

_CONNECT_S = 5.0
_SPARE_S = 30.0


class ServiceError(WithThisError):
    """The service refused, does not answer, or is something else."""

    title = "The service did not answer the search"
    default_detail = "Nothing useful came from that address. Check it; `withthis serve` prints the right one."


class ServiceClient:
    """Searches and fetches pictures from a running service. Use it in a `with`."""

    def __init__(self, url: str, settings: Settings) -> None:
        self._limits = settings.image_limits
        timeout = httpx.Timeout(settings.rerank_deadline_ms / 1000 + _SPARE_S, connect=_CONNECT_S)
        try:
            self._http = httpx.Client(base_url=url, timeout=timeout, headers=_key(settings))
        except httpx.InvalidURL as error:
            raise ServiceError("This is not an address. Write it like http://127.0.0.1:8000.") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._http.close()

    def search(self, request: SearchRequest) -> SearchOut:
        """Send a search.

        Raises:
            ServiceError: with the service's own advice where it gave any.
        """
        response = self._send(request)
        if response.is_error:
            raise ServiceError(_advice(response))
        try:
            return SearchOut.model_validate_json(response.content)
        except ValidationError as error:
            raise ServiceError from error

    def picture(self, key: str) -> Image | None:
        """A picture of the catalogue; None where it is lost."""
        try:
            response = self._http.get(f"/v1/images/{key}")
            return decode_image(response.content, self._limits).image if response.is_success else None
        except (httpx.HTTPError, InvalidImage):
            return None

    def _send(self, request: SearchRequest) -> httpx.Response:
        body = _body(request)
        try:
            if isinstance(request.image, UploadedImage):
                query = json.dumps(body).encode()
                image = ("query", request.image.data, "application/octet-stream")
                parts = {"image": image, "query": ("query.json", query, "application/json")}
                return self._http.post("/v1/search", files=parts)
            return self._http.post("/v1/search", json=body)
        except (httpx.TransportError, httpx.UnsupportedProtocol) as error:
            raise ServiceError(
                "The service does not answer. Start it with `withthis serve`, or check --url."
            ) from error


def _body(request: SearchRequest) -> dict[str, Any]:
    """The JSON of a request; what is None is left to the service's settings."""
    options = request.rerank
    rerank = {
        "enabled": options.enabled,
        "strategy": options.strategy,
        "prompt": options.prompt,
        "candidates": options.candidates,
        "fusion_weight": options.fusion_weight,
        "require": options.require,
        "deadline_ms": options.deadline_ms,
    }
    image = {"product_id": request.image.product_id} if isinstance(request.image, ProductImage) else None
    image = {"data": request.image.uri} if isinstance(request.image, InlineImage) else image
    where = request.filter.model_dump(mode="json", by_alias=True, exclude_unset=True) if request.filter else None
    body = {"text": request.text, "image": image, "filter": where, "limit": request.limit}
    return _given({**body, "min_score": request.min_score, "rerank": _given(rerank)})


def _key(settings: Settings) -> dict[str, str]:
    return {"X-API-Key": settings.client_key.get_secret_value()} if settings.client_key else {}


def _given(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _advice(response: httpx.Response) -> str | None:
    """The `detail` of a problem document; None for anything else."""
    try:
        detail = response.json().get("detail")
    except (ValueError, AttributeError):
        return None
    return detail if isinstance(detail, str) else None

"""The description at `/schema`.

Several routes take JSON *or* multipart, which Litestar cannot derive from a signature; so their handlers read the
request, and it is described here from the same pydantic models that check it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from litestar import Request, Response, Router
from litestar.openapi import OpenAPIConfig
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import (
    Components,
    License,
    OpenAPIMediaType,
    Operation,
    Reference,
    RequestBody,
    Schema,
    SecurityScheme,
)
from litestar.openapi.spec.enums import OpenAPIFormat, OpenAPIType
from pydantic import BaseModel, ConfigDict, Field

from service.server.access.auth import OF_NO_CATALOG, SEARCH
from service.server.openapi_shape import limited, reshaped, with_defaults_in_words
from service.server.problems import PROBLEM_TYPE, not_found

NO_KEY: list[dict[str, list[str]]] = [{}]
"""The security of a public route."""

_REF = "#/components/schemas/{model}"
_REQUEST_MODELS: dict[str, type[BaseModel]] = {}


class WrongPlaceOut(BaseModel):
    """One place of a request that is wrong."""

    pointer: str = Field(description="where in the body, as a JSON pointer (RFC 6901)")
    detail: str = Field(description="what to do about it")


class ErrorOut(BaseModel):
    """The error as OpenAI's clients and those of others read it."""

    message: str
    type: str = Field(description="an OpenAI error type, such as invalid_request_error")
    param: str | None = Field(description="where in the body, as a JSON pointer")
    code: str = Field(description="the last part of the problem's type")


class ProblemOut(BaseModel):
    """An RFC 9457 problem document; the shape of every error."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="a stable name of the problem, for programs")
    title: str = Field(description="what is wrong, for people; the same for every problem of a type")
    status: int = Field(description="the HTTP status")
    detail: str = Field(description="what to do about it")
    errors: list[WrongPlaceOut] = Field(default_factory=list, description="the invalid places; optional")
    message: str = Field(description="title and advice in one line, for clients that read it")
    error: ErrorOut


def takes(content: Mapping[str, type[BaseModel] | Schema]) -> type[Operation]:
    """An operation with a request body that the handler reads itself: content types, and a model or schema of each."""
    described = {
        name: OpenAPIMediaType(schema=shape if isinstance(shape, Schema) else reference(shape))
        for name, shape in content.items()
    }

    @dataclass
    class WithBody(Operation):
        def __post_init__(self) -> None:
            self.request_body = RequestBody(required=True, content=described)

    return WithBody


def reference(model: type[BaseModel]) -> Reference:
    """Where the schema of a request model stands in the document; the model is added to it."""
    _REQUEST_MODELS[model.__name__] = model
    return Reference(ref=_REF.format(model=model.__name__))


def upload(description: str = "JPEG, PNG or WEBP") -> Schema:
    """A file in a multipart body."""
    return Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.BINARY, description=description)


def form(**parts: Schema | Reference) -> Schema:
    """A multipart body."""
    return Schema(type=OpenAPIType.OBJECT, properties=parts)


class SchemaRenderer(JsonRenderPlugin):
    """OpenAPI as JSON, with the request models among the components, and with the limits of this service."""

    def __init__(self, limits: Mapping[tuple[str, str], Mapping[str, int]]) -> None:
        """`limits`: what the settings add to the schema of a field, by model and field."""
        super().__init__(path=["/", "/openapi.json"])
        self._limits = limits
        self._document: bytes | None = None

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """The document, which is the same for as long as the application runs: it takes 50 ms to make."""
        if self._document is None:
            self._document = self._made(request, openapi_schema)
        return self._document

    def _made(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """Add the request's schemas to those that Litestar found."""
        components = openapi_schema.get("components", {})
        schemas = components.get("schemas", {}) | request_schemas()
        whole = {**openapi_schema, "components": {**components, "schemas": schemas}}
        document = reshaped(whole, {PROBLEM_TYPE: {"schema": {"$ref": _REF.format(model="ProblemOut")}}})
        limited(document["components"]["schemas"], self._limits)
        return super().render(request, document)


def request_schemas() -> dict[str, Any]:
    """JSON schemas of all request models and everything they refer to, by name."""
    found: dict[str, Any] = {}
    for name, model in _REQUEST_MODELS.items():
        schema = model.model_json_schema(ref_template=_REF)
        found |= {**schema.pop("$defs", {}), name: schema}
    return {name: with_defaults_in_words(schema) for name, schema in found.items()}


def problems(*statuses: tuple[int, str]) -> dict[int, ResponseSpec]:
    """The errors of a route: status and when it is answered."""
    return {
        status: ResponseSpec(ProblemOut, description=when, media_type=PROBLEM_TYPE, generate_examples=False)
        for status, when in statuses
    }


def protected(*statuses: tuple[int, str]) -> dict[int, ResponseSpec]:
    """The errors of a route behind a key: what every such route may answer, and its own."""
    common = {
        401: "no API key, or an unknown one",
        403: "the API key lacks the scope of this route; or, without keys, the host or origin is not allowed",
        429: "too many requests; see Retry-After",
        500: "the service failed on this request",
    }
    return problems(*(common | dict(statuses)).items())


NO_CATALOG = "this key opens no catalog of this name"


def of_catalog(*statuses: tuple[int, str]) -> dict[int, ResponseSpec]:
    """The errors of a route of a catalog, which need not be there: `protected`, and 404 in any case."""
    own = dict(statuses)
    return protected(*(own | {404: "; or ".join(filter(None, (own.get(404), NO_CATALOG)))}).items())


def _as_problem(response: Response[Any]) -> Response[Any]:
    """Below /schema, Litestar answers unknown paths with an HTML page; here every error has the same shape."""
    return not_found() if response.status_code == HTTPStatus.NOT_FOUND else response


def openapi_config(version: str, *, with_keys: bool, max_text_chars: int, max_limit: int) -> OpenAPIConfig:
    """OpenAPI at `/schema`, as JSON alone: the pages that render it load scripts from elsewhere."""
    keys: list[dict[str, list[str]]] = [{"bearer": []}, {"header": []}]
    return OpenAPIConfig(
        title="WithThis",
        version=version,
        summary="An image and a sentence in; a complete, explained ranking of products out.",
        license=License(name="Apache-2.0", identifier="Apache-2.0"),
        openapi_router=Router(
            "/schema", route_handlers=[], after_request=_as_problem, opt=SEARCH | OF_NO_CATALOG, include_in_schema=False
        ),
        security=keys if with_keys else [{}, *keys],
        components=Components(
            security_schemes={
                "bearer": SecurityScheme(type="http", scheme="bearer"),
                "header": SecurityScheme(type="apiKey", name="X-API-Key", security_scheme_in="header"),
            }
        ),
        render_plugins=[SchemaRenderer(_limits(max_text_chars, max_limit))],
        use_handler_docstrings=True,
    )


def _limits(max_text_chars: int, max_limit: int) -> dict[tuple[str, str], dict[str, int]]:
    text = {"maxLength": max_text_chars}
    return {
        ("SearchBody", "text"): text,
        ("SearchBody", "negative_text"): text,
        ("SearchBody", "limit"): {"maximum": max_limit},
    }

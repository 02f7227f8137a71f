"""The description at `/schema`.

`/v1/search` takes JSON *or* multipart on one route, which Litestar cannot derive from a signature; so the request is
described here from the same pydantic models that check it.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from litestar import Request, Response, Router
from litestar.openapi import OpenAPIConfig
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import License, OpenAPIMediaType, Operation, Reference, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIFormat, OpenAPIType
from pydantic import BaseModel, ConfigDict, Field

from service.api.problems import PROBLEM_TYPE, not_found
from service.api.schemas import SearchBody

_REF = "#/components/schemas/{model}"
_BODY_REF = Reference(ref=_REF.format(model=SearchBody.__name__))


class ProblemOut(BaseModel):
    """An RFC 9457 problem document; the one shape of every error."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="a stable name of the problem, for programs")
    title: str = Field(description="what is wrong, for people; the same for every problem of a type")
    status: int = Field(description="the HTTP status")
    detail: str = Field(description="what to do about it")


@dataclass
class SearchOperation(Operation):
    """`POST /v1/search` with both ways to send a query."""

    def __post_init__(self) -> None:
        """Describe the request; everything else is derived from the handler."""
        upload = Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.BINARY, description="JPEG, PNG or WEBP")
        multipart = Schema(type=OpenAPIType.OBJECT, properties={"image": upload, "query": _BODY_REF})
        self.request_body = RequestBody(
            required=True,
            content={
                "application/json": OpenAPIMediaType(schema=_BODY_REF),
                "multipart/form-data": OpenAPIMediaType(schema=multipart),
            },
        )


class SchemaRenderer(JsonRenderPlugin):
    """OpenAPI as JSON, with the request models among the components."""

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """Add the request's schemas to those that Litestar found."""
        components = openapi_schema.get("components", {})
        schemas = components.get("schemas", {}) | request_schemas()
        return super().render(request, {**openapi_schema, "components": {**components, "schemas": schemas}})


def request_schemas() -> dict[str, Any]:
    """JSON schema of the search request and everything it refers to, by name."""
    schema = SearchBody.model_json_schema(ref_template=_REF)
    definitions: dict[str, Any] = schema.pop("$defs", {})
    return {**definitions, SearchBody.__name__: schema}


def problems(*statuses: tuple[int, str]) -> dict[int, ResponseSpec]:
    """The errors of a route: status and when it is answered."""
    return {
        status: ResponseSpec(ProblemOut, description=when, media_type=PROBLEM_TYPE, generate_examples=False)
        for status, when in statuses
    }


def _as_problem(response: Response[Any]) -> Response[Any]:
    """Below /schema Litestar answers what is not there with a page of HTML; here every error has one shape."""
    return not_found() if response.status_code == HTTPStatus.NOT_FOUND else response


def openapi_config(version: str) -> OpenAPIConfig:
    """OpenAPI at `/schema`, as JSON alone: the pages that render it load scripts from elsewhere."""
    return OpenAPIConfig(
        title="WithThis",
        version=version,
        summary="A picture and a sentence in; a complete, explained ranking of products out.",
        license=License(name="Apache-2.0", identifier="Apache-2.0"),
        openapi_router=Router("/schema", route_handlers=[], after_request=_as_problem),
        render_plugins=[SchemaRenderer(path=["/", "/openapi.json"])],
        use_handler_docstrings=True,
    )

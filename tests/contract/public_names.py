"""The names that others rely on, read from the code: settings, commands and options, metrics, routes, JSON fields."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer.main
from litestar.testing import TestClient
from prometheus_client.parser import text_string_to_metric_families

from service.cli import app
from service.settings import setting_places


def settings() -> set[str]:
    """The environment variables."""
    return {f"WITHTHIS_{name.upper()}" for name in setting_places()} | {"WITHTHIS_CONFIG"}


def commands() -> set[str]:
    """The commands, each with its arguments and options."""
    return set(_commands(typer.main.get_command(app), "withthis"))


def _commands(command: Any, path: str) -> Iterator[str]:
    yield path
    for parameter in command.params:
        if parameter.param_type_name == "argument":
            yield f"{path} {parameter.name.upper()}"
        for option in (*parameter.opts, *parameter.secondary_opts):
            if option.startswith("-"):
                yield f"{path} {option}"
    for name, child in getattr(command, "commands", {}).items():
        yield from _commands(child, f"{path} {name}")


def metrics(client: TestClient[Any]) -> set[str]:
    """The metrics with their labels, after one search."""
    client.post("/v1/search", json={"text": "a mug"})
    families = list(text_string_to_metric_families(client.get("/metrics").text))
    names = {family.name for family in families}
    labels = {f"{family.name} {label}" for family in families for sample in family.samples for label in sample.labels}
    return names | labels


def routes(client: TestClient[Any]) -> set[str]:
    """The routes with their methods, those outside the OpenAPI document included."""
    return {
        f"{method} {route.path}"
        for route in client.app.routes
        for handler in getattr(route, "route_handlers", ())
        for method in handler.http_methods
    }


def json_fields(document: dict[str, Any]) -> set[str]:
    """The parameters, models and fields of the OpenAPI document, with what is required and the values of enums."""
    models = document["components"]["schemas"]
    return {
        *models,
        *(f"{model}.{field}" for model, schema in models.items() for field in schema.get("properties", ())),
        *(f"{model}.{field} required" for model, schema in models.items() for field in schema.get("required", ())),
        *(f"{model} {value}" for model, schema in models.items() for value in schema.get("enum", ())),
        *_parameters(document),
    }


def _parameters(document: dict[str, Any]) -> Iterator[str]:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for parameter in operation.get("parameters", ()):
                yield f"{method.upper()} {path} {parameter['in']} {parameter['name']}"
            for status in operation["responses"]:
                yield f"{method.upper()} {path} {status}"

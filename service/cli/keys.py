"""`withthis keys new`: creates API keys, which are never stored."""

from __future__ import annotations

import json
from typing import Annotated, get_args

import typer
from pydantic import ValidationError

from service.cli.console import err, out
from service.errors import ConfigurationError
from service.server.access.api_keys import ApiKey, Scope, hash_key, new_key

keys = typer.Typer(name="keys", help="API keys of the service.", no_args_is_help=True)

Name = Annotated[str, typer.Option(help="Name of the key, for logs.")]
Catalogs = Annotated[
    list[str] | None, typer.Option("--catalog", help="A catalog that the key opens; can be repeated. Default: all.")
]
Scopes = Annotated[list[str], typer.Option("--scope", help="search, write or admin; can be repeated.")]


@keys.callback()
def _group() -> None:
    """Keep `new` a subcommand."""


@keys.command("new")
def new(
    name: Name = "shop",
    scope: Scopes = ["search"],  # noqa: B006 (typer reads it and leaves it alone)
    catalog: Catalogs = None,
) -> None:
    """Print a new key once, and the entry for WITHTHIS_API_KEYS, which holds only its hash."""
    secret = new_key()
    entry: dict[str, object] = {"name": name, "sha256": hash_key(secret), "scopes": sorted(set(scope))}
    if catalog:
        entry["catalogs"] = sorted(set(catalog))
    try:
        ApiKey.model_validate(entry)
    except ValidationError as error:
        raise ConfigurationError(
            "A name is 1 to 64 letters, digits, dots, dashes and underscores; scopes are "
            f"{', '.join(get_args(Scope))}; catalogs are named in lower-case letters, digits and hyphens."
        ) from error
    err.print("The key, shown only once; clients send it as `Authorization: Bearer …` or `X-API-Key: …`:")
    out.print(secret, soft_wrap=True, highlight=False)
    err.print("Its entry for the list in WITHTHIS_API_KEYS:")
    out.print(json.dumps(entry), soft_wrap=True, highlight=False, markup=False)

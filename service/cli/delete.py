"""`withthis delete --filter …`: deletes the products that match."""

from __future__ import annotations

import json
from functools import partial
from typing import Annotated

import typer

from service.build import open_store
from service.catalog.deletion import Deletion, with_condition
from service.catalog.settling import settle
from service.cli.catalog_option import InCatalog, start_in
from service.cli.client import ServiceClient
from service.cli.console import err, out, progress
from service.cli.filter_option import Where, filter_of
from service.errors import InvalidInput
from service.settings import Settings
from service.stores.filters import Filter
from service.wire.catalogs import DEFAULT_CATALOG
from service.wire.products import DeletionOut

All = Annotated[bool, typer.Option("--all", help="Delete every product.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only count the products that match, 100,000 at most.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask first.")]
Url = Annotated[str | None, typer.Option(help="Delete in the service at this URL instead of opening the store here.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the counts as JSON.")]


def delete(
    *,
    where: Where = None,
    everything: All = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    url: Url = None,
    catalog: InCatalog = DEFAULT_CATALOG,
    as_json: AsJson = False,
) -> None:
    """Delete the products that match a filter. Their images stay until `withthis gc`. Run it again to resume."""
    settings, run = start_in(catalog, url), partial(_run, catalog=catalog)
    filter = filter_of(where)
    if (filter is None) != everything:
        raise InvalidInput("Give either --filter with conditions, or --all.")
    if filter is not None:
        with_condition(filter)
    if not (dry_run or yes):
        counted = run(settings, filter, url, dry_run=True)
        if counted.matched:
            typer.confirm(f"Delete {_count(counted)} products?", abort=True, err=True)
    done = run(settings, filter, url, dry_run=dry_run)
    if as_json:
        out.print_json(json.dumps(done.model_dump()))
    else:
        err.print(f"{_count(done)} products {'would be ' if dry_run else ''}deleted")


def _run(settings: Settings, filter: Filter | None, url: str | None, *, catalog: str, dry_run: bool) -> DeletionOut:
    if url is None:
        return _delete_here(settings, filter, dry_run=dry_run)
    with ServiceClient(url, settings, catalog=catalog) as client:
        return client.delete_matching(filter, dry_run=dry_run)


def _delete_here(settings: Settings, filter: Filter | None, *, dry_run: bool) -> DeletionOut:
    """The same in the store, in as many runs as it takes."""
    store = open_store(settings)
    try:
        store.claim()
        with progress("counting" if dry_run else "deleting") as tell:
            matched = 0
            while True:
                run = Deletion(store, store.delete, filter, dry_run)
                while run.step():
                    tell(matched + run.matched, None)
                matched += run.matched
                tell(matched, None)
                if dry_run or run.complete:
                    break
        if matched and not dry_run:
            settle(store)
    finally:
        store.close()
    return DeletionOut(matched=matched, deleted=0 if dry_run else matched, complete=run.complete)


def _count(found: DeletionOut) -> str:
    return f"{found.matched:,}" if found.complete else f"more than {found.matched:,}"

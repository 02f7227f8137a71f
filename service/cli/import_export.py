"""`withthis import FILE`: brings an export back into a catalog."""

from __future__ import annotations

from typing import Annotated

import typer

from service.build import ingest_options
from service.catalog.readers import ExportFeed, open_feed
from service.catalog.staged_feed import staged
from service.cli.catalog_option import InCatalog, start_in
from service.cli.feed_report import RejectLimit, exit_status, print_report
from service.cli.index import AsJson, DeleteMissing, DeleteMost, DryRun, MaxRejects, Rejects, Url, bring, rejects_file
from service.errors import FeedError, InvalidInput
from service.wire.catalogs import DEFAULT_CATALOG

Export = Annotated[
    str,
    typer.Argument(
        metavar="FILE",
        help="A file that `withthis export` wrote, its URL, or - for standard input. The folder `images` is beside it.",
    ),
]
NOT_AN_EXPORT = "This is not an export of a catalog. `withthis index` reads product feeds."
NO_DRY_RUN = "A --dry-run reads the store from here. Leave out --url."


def import_export(
    file: Export,
    *,
    delete_missing: DeleteMissing = False,
    delete_most: DeleteMost = False,
    dry_run: DryRun = False,
    rejects: Rejects = None,
    max_rejects: MaxRejects = "0",
    url: Url = None,
    catalog: InCatalog = DEFAULT_CATALOG,
    as_json: AsJson = False,
) -> None:
    """Bring an export of a catalog back, with its images and vectors. Run it again to resume."""
    settings = start_in(catalog, url)
    if dry_run and url is not None:
        raise InvalidInput(NO_DRY_RUN)
    limit = RejectLimit.parse(max_rejects)
    with staged(file, settings.catalog.feed_file_bytes) as found:
        if not isinstance(open_feed(found.path), ExportFeed):
            raise FeedError(NOT_AN_EXPORT)
        options = ingest_options(
            settings,
            rejects_path=rejects or rejects_file(file, found),
            new_ids=True,
            folder=found.folder,
            delete_missing=delete_missing,
            delete_most=delete_most,
        )
        report = bring(found, settings, options, engine="local", url=url, catalog=catalog, dry_run=dry_run)
    print_report(report, options["rejects_path"], as_json=as_json)
    raise typer.Exit(exit_status(report, limit))

"""`withthis reindex` and `withthis gc`: maintenance of a catalog."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from typing import Annotated

import typer

from service.build import load_patient_encoder, open_images, open_store, stored_form
from service.catalog.lost_index import check_sweep
from service.catalog.reindex import ReindexReport
from service.catalog.reindex import reindex as rebuild
from service.cli.catalog_option import InCatalog, start_in
from service.cli.console import err, out, progress
from service.encoders.encoder import Encoder
from service.errors import StoreUnavailable
from service.settings import Settings
from service.stores.store import VersionedStore
from service.wire.catalogs import DEFAULT_CATALOG

AsJson = Annotated[bool, typer.Option("--json", help="Print the report as JSON.")]
DropMissing = Annotated[bool, typer.Option("--drop-missing", help="Leave out rows whose image is lost.")]
KeepOld = Annotated[
    bool, typer.Option("--keep-old", help="Keep the replaced version for services that still run with the old encoder.")
]
GraceHours = Annotated[float, typer.Option(min=0, help="Images stored less than this many hours ago are kept.")]
DeleteMost = Annotated[bool, typer.Option("--delete-most", help="Delete even if more images would go than are in use.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only print what would be deleted.")]


def reindex(
    drop_missing: DropMissing = False,
    keep_old: KeepOld = False,
    catalog: InCatalog = DEFAULT_CATALOG,
    as_json: AsJson = False,
) -> None:
    """Recompute all embeddings with the configured encoder and index, and switch to them without downtime."""
    settings = start_in(catalog)
    store = open_store(settings)
    try:
        store.claim()
        encoder = load_patient_encoder(settings)
        report = run_reindex(settings, encoder, store, drop_missing=drop_missing, keep_old=keep_old)
    finally:
        store.close()
    if as_json:
        out.print_json(json.dumps(asdict(report)))
    else:
        err.print(", ".join(f"{count} {name.replace('_', ' ')}" for name, count in asdict(report).items()))


def run_reindex(
    settings: Settings, encoder: Encoder, store: VersionedStore, *, drop_missing: bool, keep_old: bool
) -> ReindexReport:
    """Reindex under a progress bar."""
    with progress("reindexing") as tell:
        return rebuild(
            store,
            encoder,
            open_images(settings),
            batch=settings.encoder.batch,
            workers=settings.catalog.ingest_workers,
            drop_missing=drop_missing,
            keep_old=keep_old,
            document=settings.catalog.form,
            progress=tell,
        )


def gc(
    grace_hours: GraceHours = 24,
    dry_run: DryRun = False,
    delete_most: DeleteMost = False,
    catalog: InCatalog = DEFAULT_CATALOG,
    as_json: AsJson = False,
) -> None:
    """Delete rows left over by a crash, and images that no product uses any more, with their thumbnails."""
    settings = start_in(catalog)
    store = open_store(settings)
    try:
        if store.built_by() is None:
            raise StoreUnavailable(
                "The store has no collection of this name, so every image would count as unused. Nothing was "
                "deleted; check WITHTHIS_STORE_URI and WITHTHIS_COLLECTION."
            )
        rows = store.delete_leftovers(dry_run=dry_run)
        used = store.image_keys()
    finally:
        store.close()
    images, older_than, form = open_images(settings), time.time() - grace_hours * 3600, stored_form(settings)
    if not dry_run and not delete_most:
        check_sweep(images.sweep(used, older_than=older_than, dry_run=True, form=form), len(used))
    swept = images.sweep(used, older_than=older_than, dry_run=dry_run, form=form)
    if as_json:
        counts = {"pictures": swept.images, "files": swept.files, "bytes": swept.bytes}  # names that scripts read
        out.print_json(json.dumps({**counts, "rows": rows}))
    else:
        verb = "would be deleted" if dry_run else "deleted"
        files = f"{swept.images} images ({swept.files} files, {swept.bytes / 2**20:.1f} MiB)"
        err.print(f"{files} {verb}" + (f", {rows} rows left over by a crash" if rows else ""))

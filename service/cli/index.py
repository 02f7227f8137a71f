"""`withthis index FEED`."""

from __future__ import annotations

from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Literal

import typer

from service.build import ingest_feed, ingest_options, load_patient_encoder, open_images, open_store
from service.catalog.ingest import IngestReport
from service.catalog.ingest_options import IngestOptions
from service.catalog.prices import Decimal
from service.catalog.readers import parse_columns
from service.catalog.staged_feed import StagedFeed, staged
from service.cli.catalog_option import InCatalog, start_in
from service.cli.console import progress
from service.cli.feed_report import RejectLimit, exit_status, print_report
from service.cli.send_feed import SendReport, send_feed
from service.encoders.encoder import Encoder
from service.errors import ConfigurationError, InvalidInput
from service.settings import Settings
from service.stores.exact.exact_store import ExactStore
from service.stores.local_file import is_local
from service.stores.store import Store, VersionedStore
from service.wire.catalogs import DEFAULT_CATALOG

Feed = Annotated[
    str,
    typer.Argument(
        help="A folder of images, a CSV, TSV, XML, JSON, JSONL or Parquet file, also packed with gzip, a dataset on "
        "disk, the URL of a file, or - for standard input."
    ),
]
Format = Annotated[
    Literal["google", "openai", "shopify", "woocommerce", "plain"] | None,
    typer.Option(help="Format of the feed. Default: what its columns show."),
]
Mapping = Annotated[
    Path | None, typer.Option(help="TOML file with format, decimal, without, columns and types. Options come first.")
]
Rejects = Annotated[
    Path | None, typer.Option(help="File for rejected rows, with the reason. Default: next to the feed.")
]
Column = Annotated[
    list[str] | None,
    typer.Option(help="Our name of a column and the feed's, as in title=name. Can be repeated."),
]
Without = Annotated[list[str] | None, typer.Option(help="A column of the feed to leave out. Can be repeated.")]
Type = Annotated[
    list[str] | None,
    typer.Option(
        help="An attribute and its type, as in size=list: text, number, boolean, list, html or price. Can be repeated."
    ),
]
DecimalMark = Annotated[
    Decimal | None, typer.Option("--decimal", help="What separates decimals in prices. Default: what most prices show.")
]
Engine = Annotated[
    Literal["local", "ray"], typer.Option(help="local: this machine and its worker processes; ray: a Ray cluster.")
]
NewIds = Annotated[
    bool, typer.Option("--new-ids", help="Also index products whose images are in the catalog under other ids.")
]
DeleteMissing = Annotated[
    bool, typer.Option("--delete-missing", help="Delete products that the feed does not have, after a complete run.")
]
DeleteMost = Annotated[
    bool, typer.Option("--delete-most", help="Delete them even if they are more than half of the catalog.")
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Change nothing; report what a run would do, with samples of each field.")
]
MaxRejects = Annotated[
    str, typer.Option(help="Rejects that are tolerated, as 20 or 0.5%. With more, the exit status is 3.")
]
Url = Annotated[
    str | None, typer.Option(help="Send the products to the service at this URL instead of opening the store here.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the report as JSON.")]


def index(
    feed: Feed,
    *,
    format: Format = None,
    mapping: Mapping = None,
    column: Column = None,
    without: Without = None,
    type: Type = None,
    decimal: DecimalMark = None,
    new_ids: NewIds = False,
    delete_missing: DeleteMissing = False,
    delete_most: DeleteMost = False,
    dry_run: DryRun = False,
    rejects: Rejects = None,
    max_rejects: MaxRejects = "0",
    engine: Engine = "local",
    url: Url = None,
    catalog: InCatalog = DEFAULT_CATALOG,
    as_json: AsJson = False,
) -> None:
    """Bring a product feed into the catalog. Run it again to resume or to update: existing rows are kept."""
    settings = start_in(catalog, url)
    _check(engine, url, dry_run=dry_run)
    limit = RejectLimit.parse(max_rejects)
    columns = parse_columns(
        column or (), without=without or (), types=type or (), format=format, decimal=decimal, mapping=mapping
    )
    with staged(feed, settings.catalog.feed_file_bytes) as found:
        options = ingest_options(
            settings,
            columns=columns,
            rejects_path=rejects or rejects_file(feed, found),
            new_ids=new_ids,
            folder=found.folder,
            delete_missing=delete_missing,
            delete_most=delete_most,
        )
        report = bring(found, settings, options, engine=engine, url=url, catalog=catalog, dry_run=dry_run)
    print_report(report, options["rejects_path"], as_json=as_json)
    raise typer.Exit(exit_status(report, limit))


def bring(
    feed: StagedFeed,
    settings: Settings,
    options: IngestOptions,
    *,
    engine: str,
    url: str | None,
    catalog: str,
    dry_run: bool,
) -> IngestReport | SendReport:
    """Bring a feed into the store, or send it to a catalog of a service."""
    if url is not None:
        return send_feed(feed.path, url, settings, options, catalog)
    return _ingest(feed, settings, options, engine=engine, dry_run=dry_run)


def _check(engine: str, url: str | None, *, dry_run: bool) -> None:
    if url is not None and engine == "ray":
        raise InvalidInput("Give either --url or --engine ray: a service encodes the products it receives itself.")
    if dry_run and (url is not None or engine == "ray"):
        raise InvalidInput("A --dry-run reads the feed and the store from here. Leave out --url and --engine ray.")


def _ingest(
    feed: StagedFeed, settings: Settings, options: IngestOptions, *, engine: str, dry_run: bool
) -> IngestReport:
    store = _untouched_store(settings) if dry_run else open_store(settings)
    try:
        store.claim()
        if engine == "ray":
            return run_ingest_on_ray(feed.path, settings, store, options)
        return run_ingest(feed.path, settings, load_patient_encoder(settings), store, options, dry_run=dry_run)
    finally:
        store.close()


def _untouched_store(settings: Settings) -> VersionedStore:
    """The store; in place of a local file that does not exist yet, an empty one in memory."""
    uri = settings.store_uri
    is_file = is_local(uri) or uri.startswith("exact:")
    return ExactStore() if is_file and not Path(uri.removeprefix("exact:")).exists() else open_store(settings)


def run_ingest(
    feed: Path,
    settings: Settings,
    encoder: Encoder,
    store: Store,
    options: IngestOptions | None = None,
    *,
    dry_run: bool = False,
) -> IngestReport:
    """Ingest a feed under a progress bar."""
    with progress("reading" if dry_run else "indexing") as tell:
        return ingest_feed(
            feed,
            settings,
            encoder,
            store,
            options=options,
            dry_run=dry_run,
            progress=lambda report: tell(report.seen, report.rows),
        )


def run_ingest_on_ray(feed: Path, settings: Settings, store: Store, options: IngestOptions) -> IngestReport:
    """The same on Ray. Raises ConfigurationError without the extra or without a cluster."""
    if find_spec("ray") is None:
        raise ConfigurationError("Indexing on Ray needs the extra `ray`. Install it with: pip install 'withthis[ray]'.")
    from service.catalog.distributed import RayOptions, ingest_on_ray  # noqa: PLC0415 (an extra, and slow to load)

    settings = _for_other_processes(settings)
    ray = RayOptions(settings.catalog.ray_address, settings.catalog.ray_encoders, settings.encoder.device)
    with progress("indexing") as tell:
        return ingest_on_ray(
            feed,
            partial(load_patient_encoder, settings),
            store,
            open_images(settings),
            ray_options=ray,
            progress=lambda report: tell(report.seen, report.rows),
            **options,
        )


def _for_other_processes(settings: Settings) -> Settings:
    """Workers of Ray run in other folders, and each sees only its assigned GPU."""
    images, weights = settings.images_location, settings.encoder.path
    changes = {
        "images_url": images if "://" in images else str(Path(images).absolute()),
        "encoder_path": weights.absolute() if weights is not None and weights.exists() else weights,
        "encoder_device": "cuda" if settings.encoder.device.startswith("cuda") else settings.encoder.device,
    }
    return settings.model_copy(update=changes)


def rejects_file(feed: str, found: StagedFeed) -> Path:
    """Where rejects go: next to the feed, or here if it came from elsewhere."""
    local = Path(feed)
    return local.with_name(f"{local.name}.rejects.jsonl") if local.exists() else Path(f"{found.name}.rejects.jsonl")

"""`withthis index FEED`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Literal, TypedDict

import typer
from rich.progress import Progress as RichProgress
from rich.progress import TaskID

from service.build import load_patient_encoder, open_images, open_store
from service.catalog.document_form import DocumentForm
from service.catalog.ingest import IngestReport, Progress, ingest
from service.catalog.readers import Columns, count_rows, parse_columns
from service.cli.console import err, out, plain, progress_bar, start
from service.cli.send_feed import SendReport, send_feed
from service.encoders.encoder import Encoder
from service.errors import ConfigurationError, InvalidInput
from service.images.decode import ImageLimits
from service.images.fetch.fetch import Fetcher, FetchPolicy
from service.settings import Settings
from service.stores.store import Store

Feed = Annotated[
    Path,
    typer.Argument(
        help="A folder of images, a CSV, TSV, JSON, JSONL or Parquet file with an image column, or a dataset on disk."
    ),
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
    typer.Option(help="An attribute and its type, as in size=list: text, number, boolean or list. Can be repeated."),
]
Engine = Annotated[
    Literal["local", "ray"], typer.Option(help="local: this machine and its worker processes; ray: a Ray cluster.")
]
NewIds = Annotated[
    bool, typer.Option("--new-ids", help="Also index products whose images are in the catalog under other ids.")
]
Url = Annotated[
    str | None, typer.Option(help="Send the products to the service at this URL instead of opening the store here.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the report as JSON.")]


class IngestOptions(TypedDict):
    """The options of both engines."""

    columns: Columns | None
    limits: ImageLimits
    fetcher: Fetcher | None
    rejects_path: Path
    batch: int
    new_ids: bool
    document: DocumentForm | None


def index(
    feed: Feed,
    *,
    column: Column = None,
    without: Without = None,
    type: Type = None,
    new_ids: NewIds = False,
    rejects: Rejects = None,
    engine: Engine = "local",
    url: Url = None,
    as_json: AsJson = False,
) -> None:
    """Bring a product feed into the catalog. Run it again to resume or to update: existing rows are kept."""
    settings = start()
    columns = parse_columns(column or (), without=without or (), types=type or ())
    options = _options(feed, settings, rejects, columns, new_ids=new_ids)
    if url is not None:
        if engine == "ray":
            raise InvalidInput("Give either --url or --engine ray: a service encodes the products it receives itself.")
        _show(_send(feed, url, settings, options), options, as_json)
        return
    store = open_store(settings)
    try:
        store.claim()
        if engine == "ray":
            report = run_ingest_on_ray(feed, settings, store, options)
        else:
            report = run_ingest(feed, settings, load_patient_encoder(settings), store, options)
    finally:
        store.close()
    _show(report, options, as_json)


def _show(report: IngestReport | SendReport, options: IngestOptions, as_json: bool) -> None:
    if as_json:
        out.print_json(json.dumps(asdict(report)))
    else:
        show_report(report, options["rejects_path"])


def run_ingest(
    feed: Path, settings: Settings, encoder: Encoder, store: Store, options: IngestOptions | None = None
) -> IngestReport:
    """Ingest a feed under a progress bar."""
    options, images = options or _options(feed, settings), open_images(settings)
    with _progress(feed) as progress:
        workers = settings.catalog.ingest_workers
        return ingest(feed, encoder, store, images, workers=workers, progress=progress, **options)


def run_ingest_on_ray(feed: Path, settings: Settings, store: Store, options: IngestOptions) -> IngestReport:
    """The same on Ray. Raises ConfigurationError without the extra or without a cluster."""
    if find_spec("ray") is None:
        raise ConfigurationError("Indexing on Ray needs the extra `ray`. Install it with: pip install 'withthis[ray]'.")
    from service.catalog.distributed import RayOptions, ingest_on_ray  # noqa: PLC0415 (an extra, and slow to load)

    settings = _for_other_processes(settings)
    images = open_images(settings)
    ray = RayOptions(settings.catalog.ray_address, settings.catalog.ray_encoders, settings.encoder.device)
    with _progress(feed) as progress:
        load = partial(load_patient_encoder, settings)
        return ingest_on_ray(feed, load, store, images, ray_options=ray, progress=progress, **options)


def _send(feed: Path, url: str, settings: Settings, options: IngestOptions) -> SendReport:
    return send_feed(
        feed,
        url,
        settings,
        columns=options["columns"],
        fetcher=options["fetcher"],
        rejects_path=options["rejects_path"],
    )


def _options(
    feed: Path,
    settings: Settings,
    rejects: Path | None = None,
    columns: Columns | None = None,
    *,
    new_ids: bool = False,
) -> IngestOptions:
    return IngestOptions(
        columns=columns,
        limits=settings.image_limits,
        fetcher=_fetcher(settings),
        rejects_path=rejects_file(feed, rejects),
        batch=settings.encoder.batch,
        new_ids=new_ids,
        document=settings.catalog.form,
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


@contextmanager
def _progress(feed: Path) -> Iterator[Progress]:
    """A bar over the lines of the feed."""
    with progress_bar() as bar:
        task = bar.add_task("indexing", total=count_rows(feed))
        yield lambda report: _advance(bar, task, report)


def _fetcher(settings: Settings) -> Fetcher | None:
    """Gets images that a feed gives as URLs, from the hosts that the settings allow; None if they allow none."""
    hosts = frozenset(settings.images.url_image_hosts)
    policy = FetchPolicy(hosts, settings.images.max_image_bytes, settings.images.url_image_timeout_s)
    return Fetcher(policy) if hosts else None


def _advance(bar: RichProgress, task: TaskID, report: IngestReport) -> None:
    """A line with several images counts once for the total and more in the report, so the total may grow."""
    total = bar.tasks[task].total or 0
    bar.update(task, completed=report.seen, total=max(total, report.seen))


def rejects_file(feed: Path, chosen: Path | None) -> Path:
    """Where rejects go: next to the feed, unless another place is requested."""
    return chosen or feed.with_name(f"{feed.name}.rejects.jsonl")


def show_report(report: IngestReport | SendReport, rejects: Path) -> None:
    """How the feed was read, one line of counts, and where rejects are, if there are any."""
    for note in report.notes:
        err.print(plain(note), soft_wrap=True)
    counts = {name: count for name, count in asdict(report).items() if isinstance(count, int)}
    err.print(", ".join(f"{count} {name}" for name, count in counts.items()))
    if report.rejected:
        err.print(f"[yellow]Rejected rows and the reasons are in {plain(str(rejects))}[/]", soft_wrap=True)

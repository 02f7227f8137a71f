"""`withthis index FEED`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import Progress as RichProgress
from rich.progress import TaskID

from service.catalog.images import ImageStore
from service.catalog.ingest import IngestReport, ingest
from service.catalog.readers import Columns, count_rows
from service.cli.console import err, out, progress_bar, start
from service.encoders.base import Encoder
from service.encoders.registry import load_encoder
from service.media.fetch import Fetcher, FetchPolicy
from service.settings import Settings
from service.stores.base import Store
from service.stores.registry import open_store

Feed = Annotated[
    Path,
    typer.Argument(
        help="A folder of pictures, a CSV, TSV, JSON, JSONL or Parquet file with a column image, or a dataset on disk."
    ),
]
Rejects = Annotated[
    Path | None, typer.Option(help="Where rejected rows are written, with the reason. Default: beside the feed.")
]
Column = Annotated[
    list[str] | None,
    typer.Option(help="Our name of a column and the feed's, as in title=name. May be given several times."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the report as JSON.")]


def index(feed: Feed, column: Column = None, rejects: Rejects = None, as_json: AsJson = False) -> None:
    """Bring a product feed into the catalogue. Run it again to resume or to update: what is there already is kept."""
    settings = start()
    columns = Columns.parse(column or ())
    store = open_store(settings)
    try:
        report = run_ingest(feed, settings, load_encoder(settings), store, rejects=rejects, columns=columns)
    finally:
        store.close()
    if as_json:
        out.print_json(json.dumps(asdict(report)))
    else:
        show_report(report, rejects_file(feed, rejects))


def run_ingest(
    feed: Path,
    settings: Settings,
    encoder: Encoder,
    store: Store,
    *,
    rejects: Path | None = None,
    columns: Columns | None = None,
) -> IngestReport:
    """Ingest a feed under a progress bar."""
    with progress_bar() as bar:
        task = bar.add_task("indexing", total=count_rows(feed))
        return ingest(
            feed,
            encoder,
            store,
            ImageStore(settings.images_dir, settings.image_limits),
            columns=columns,
            limits=settings.image_limits,
            fetcher=_fetcher(settings),
            rejects_path=rejects_file(feed, rejects),
            batch=settings.encoder_batch,
            workers=settings.ingest_workers,
            progress=lambda report: _advance(bar, task, report),
        )


def _fetcher(settings: Settings) -> Fetcher | None:
    """Gets pictures that a feed gives as URLs, from the hosts that the settings allow; None if they allow none."""
    hosts = frozenset(settings.url_image_hosts)
    policy = FetchPolicy(hosts, settings.max_image_bytes, settings.url_image_timeout_s)
    return Fetcher(policy) if hosts else None


def _advance(bar: RichProgress, task: TaskID, report: IngestReport) -> None:
    """A line with several pictures counts once for the total and more in the report, so the total may grow."""
    total = bar.tasks[task].total or 0
    bar.update(task, completed=report.seen, total=max(total, report.seen))


def rejects_file(feed: Path, chosen: Path | None) -> Path:
    """Where rejects go: beside the feed, unless another place is asked for."""
    return chosen or feed.with_name(f"{feed.name}.rejects.jsonl")


def show_report(report: IngestReport, rejects: Path) -> None:
    """One line of counts; where rejects are, if there are any."""
    counts = ("indexed", "refreshed", "unchanged", "removed", "rejected")
    err.print(", ".join(f"{getattr(report, name)} {name}" for name in counts))
    if report.rejected:
        err.print(f"[yellow]Rejected rows and the reasons are in {escape(str(rejects))}[/]", soft_wrap=True)

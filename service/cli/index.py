"""`withthis index FEED`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from service.catalog.images import ImageStore
from service.catalog.ingest import IngestReport, ingest
from service.catalog.readers import count_rows
from service.cli.console import err, out, progress_bar, start
from service.encoders.base import Encoder
from service.encoders.registry import load_encoder
from service.settings import Settings
from service.stores.base import Store
from service.stores.milvus import MilvusStore

Feed = Annotated[
    Path, typer.Argument(help="A folder of pictures, or a CSV, TSV, JSON or JSONL file with a column image.")
]
Rejects = Annotated[
    Path | None, typer.Option(help="Where rejected rows are written, with the reason. Default: beside the feed.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the report as JSON.")]


def index(feed: Feed, rejects: Rejects = None, as_json: AsJson = False) -> None:
    """Bring a product feed into the catalogue. Run it again to resume or to update: what is there already is kept."""
    settings = start()
    store = MilvusStore.from_settings(settings)
    try:
        report = run_ingest(feed, settings, load_encoder(settings), store, rejects)
    finally:
        store.close()
    if as_json:
        out.print_json(json.dumps(asdict(report)))
    else:
        show_report(report, rejects_file(feed, rejects))


def run_ingest(
    feed: Path, settings: Settings, encoder: Encoder, store: Store, rejects: Path | None = None
) -> IngestReport:
    """Ingest a feed under a progress bar."""
    with progress_bar() as bar:
        task = bar.add_task("indexing", total=count_rows(feed))
        return ingest(
            feed,
            encoder,
            store,
            ImageStore(settings.images_dir, settings.image_limits),
            limits=settings.image_limits,
            rejects_path=rejects_file(feed, rejects),
            batch=settings.encoder_batch,
            progress=lambda report: bar.update(task, completed=report.seen),
        )


def rejects_file(feed: Path, chosen: Path | None) -> Path:
    """Where rejects go: beside the feed, unless another place is asked for."""
    return chosen or feed.with_name(f"{feed.name}.rejects.jsonl")


def show_report(report: IngestReport, rejects: Path) -> None:
    """One line of counts; where rejects are, if there are any."""
    counts = ("indexed", "refreshed", "unchanged", "removed", "rejected")
    err.print(", ".join(f"{getattr(report, name)} {name}" for name in counts))
    if report.rejected:
        err.print(f"[yellow]Rejected rows and the reasons are in {escape(str(rejects))}[/]", soft_wrap=True)

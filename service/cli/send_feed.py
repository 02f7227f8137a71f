"""`withthis index FEED --url`: a feed sent to a running service, which encodes and stores it.

A product is sent once, with all its images, when the last of its lines was read.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from service.catalog.ingest_options import IngestOptions
from service.catalog.missing_products import MissingProducts
from service.catalog.readers import Columns, feed_folder, open_feed
from service.catalog.rejects import RejectFile
from service.catalog.row_images import ImageSource
from service.catalog.rows import FeedRow, Reject
from service.cli.client import ServiceClient
from service.cli.console import progress
from service.settings import Settings
from service.wire.catalogs import DEFAULT_CATALOG
from service.wire.products import ItemOut

RETRIES = 8
"""Times that a request is repeated while the service is busy or away, with growing waits: about three minutes."""


@dataclass(slots=True)
class SendReport:
    """The outcome for the products of a feed; `rejected` counts lines that were left out, too, and `lines` all of them.
    `objection`: see `IngestReport`.
    """

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0
    deleted: int = 0
    lines: int = 0
    objection: str | None = None
    notes: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Sending:
    """One run: products on their way, by the first line of each, and what came of them."""

    images: ImageSource
    rejects: RejectFile
    report: SendReport
    missing: MissingProducts
    lines: deque[int] = field(default_factory=deque)

    def products(self, rows: Iterator[FeedRow | Reject], counts: Counter[str]) -> Iterator[dict[str, Any]]:
        """Each product when its last line was read, as the service takes it."""
        open_: dict[str, list[FeedRow]] = {}
        for row in rows:
            if isinstance(row, Reject):
                self.reject(row)
                continue
            lines = open_.setdefault(row.product.id, [])
            lines.append(row)
            if len(lines) == counts[row.product.id]:
                product = self._product(open_.pop(row.product.id))
                if product is not None:
                    yield product

    def reject(self, reject: Reject) -> None:
        """Count a line or product that was left out, and write down why."""
        self.report.rejected += 1
        self.missing.see(reject)
        self.rejects.write(reject)

    def take(self, item: ItemOut) -> None:
        """Count what the service made of the next product."""
        line = self.lines.popleft()
        if item.status == "rejected":
            self.reject(Reject(line, (item.error or {}).get("detail", "the service gave no reason"), item.id))
        else:
            setattr(self.report, item.status, getattr(self.report, item.status) + 1)

    def _product(self, rows: list[FeedRow]) -> dict[str, Any] | None:
        data: dict[bytes, None] = {}  # the same image twice is sent once
        readings = [self.images.read(row) for row in rows]
        for read in readings:
            if isinstance(read, Reject):
                self.reject(read)
            elif read is not None:
                data[read] = None
        if not data and None not in readings:
            return None
        first = rows[0]
        self.lines.append(first.line)
        images = {"images": list(data)} if data else {}
        return {**first.product.model_dump(exclude={"image_key"}), **images}


def send_feed(
    feed: Path, url: str, settings: Settings, options: IngestOptions, catalog: str = DEFAULT_CATALOG
) -> SendReport:
    """Send a feed under a progress bar. Run again, it changes nothing that is there already.

    Raises:
        FeedError: the feed cannot be read at all.
        ServiceError: the service refuses or does not answer; what was sent until then is stored.
    """
    opened = open_feed(feed, options.get("columns") or Columns())
    images = ImageSource(options.get("folder") or feed_folder(feed), settings.image_limits, options.get("fetcher"))
    with (
        opened.survey() as survey,
        RejectFile(options.get("rejects_path")) as rejects,
        ServiceClient(url, settings, catalog=catalog, retries=RETRIES) as client,
        progress("sending") as tell,
    ):
        counts = Counter(row.product.id for row in opened.rows(survey) if isinstance(row, FeedRow))
        missing = MissingProducts(survey.known, even_most=options.get("delete_most", False))
        sending = _Sending(images, rejects, SendReport(lines=survey.lines, notes=opened.notes(survey)), missing)
        for done, item in enumerate(client.put_products(sending.products(opened.rows(survey), counts)), start=1):
            sending.take(item)
            tell(done, len(counts))
        sending.report.objection = survey.objection
        if options.get("delete_missing") and survey.objection is None:
            sending.report.deleted, sending.report.objection = missing.delete(
                client.product_ids(), client.delete_products
            )
    return sending.report

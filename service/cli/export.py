"""`withthis export FILE`: writes the catalog as JSON lines, and its images beside them."""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, BinaryIO, cast

import typer

from service.build import open_images, open_store
from service.catalog.exporting import export_products
from service.cli.catalog_option import InCatalog, start_in
from service.cli.client import ServiceClient, ServiceError
from service.cli.console import err, out, progress
from service.cli.exported_images import ImageFolder, ReadImage
from service.cli.feed_report import INCOMPLETE
from service.cli.filter_option import Where, filter_of
from service.errors import ImageDamaged, ImageNotFound, InvalidInput
from service.settings import Settings
from service.stores.filters import Filter
from service.support.whole_file import whole_file
from service.wire.catalogs import DEFAULT_CATALOG

File = Annotated[
    str,
    typer.Argument(metavar="FILE", help="File to write, packed with gzip if it ends in .gz; - for standard output."),
]
Vectors = Annotated[bool, typer.Option("--vectors", help="Also write the vectors, so that an import encodes nothing.")]
Images = Annotated[
    bool,
    typer.Option("--images", help="Also copy the images into the folder `images` beside the file, if missing there."),
]
Url = Annotated[str | None, typer.Option(help="Export from the service at this URL instead of opening the store here.")]
BROKEN_OFF = "The export broke off before its end, so no file was written. Run the command again."
AsJson = Annotated[bool, typer.Option("--json", help="Print the counts as JSON.")]


@dataclass(frozen=True, slots=True)
class _Catalog:
    """Where an export comes from: its lines, how many rows there are if that is known, and its images."""

    lines: Iterable[bytes]
    rows: int | None
    read_image: ReadImage


def export(
    file: File,
    *,
    vectors: Vectors = False,
    images: Images = False,
    where: Where = None,
    url: Url = None,
    catalog: InCatalog = DEFAULT_CATALOG,
    as_json: AsJson = False,
) -> None:
    """Write the catalog as JSON lines, which `withthis import` brings back. An interrupted export leaves no file."""
    settings, filter = start_in(catalog, url), filter_of(where)
    if images and file == "-":
        raise InvalidInput("Images are copied beside the file. Give --images with the name of a file.")
    if as_json and file == "-":
        raise InvalidInput("Standard output has the products. Leave out --json.")
    with _opened(settings, filter, url, catalog, vectors=vectors) as opened:
        folder = ImageFolder(Path(file).parent, opened.read_image)
        try:
            products = _write(opened, file, folder.copy if images else None)
        finally:
            folder.close()
    counts = {"products": products, "copied": folder.copied, "present": folder.present, "lost": folder.lost}
    if as_json:
        out.print_json(json.dumps(counts))
    else:
        shown = f"; images: {folder.copied} copied, {folder.present} present, {folder.lost} lost" if images else ""
        err.print(f"{products} products{shown}")
    raise typer.Exit(INCOMPLETE if folder.lost else 0)


@contextmanager
def _opened(
    settings: Settings, filter: Filter | None, url: str | None, catalog: str, *, vectors: bool
) -> Iterator[_Catalog]:
    with ExitStack() as closing:
        if url is not None:
            client = closing.enter_context(ServiceClient(url, settings, catalog=catalog))
            yield _Catalog(client.export(filter, vectors=vectors), None, client.image_bytes)
            return
        store, stored = open_store(settings), open_images(settings)
        closing.callback(store.close)
        store.claim()
        batches = export_products(store, vectors=vectors, filter=filter)

        def read_image(key: str) -> bytes | None:
            try:
                return stored.read(key).data
            except (ImageNotFound, ImageDamaged):
                return None

        rows = store.count() if filter is None else None
        yield _Catalog((line for lines in batches for line in lines), rows, read_image)


def _write(catalog: _Catalog, file: str, copy: Callable[[Sequence[str]], None] | None) -> int:
    """Write all lines, and the images of each before it; how many products there are."""
    products, done, fields = 0, 0, dict[str, Any]()
    try:
        with _target(file) as target, progress("exporting") as tell:
            for line in catalog.lines:
                fields = json.loads(line)
                if "images" in fields:
                    if copy is not None:
                        copy(fields["images"])
                    done += max(1, len(fields["images"]))
                    products += 1
                    tell(done, catalog.rows)
                target.write(line)
            if "complete" not in fields:
                raise ServiceError(BROKEN_OFF)
    except OSError as error:
        raise InvalidInput(
            "The export cannot be written. Check the path, its permissions and the space there."
        ) from error
    return products


@contextmanager
def _target(file: str) -> Iterator[BinaryIO]:
    if file == "-":
        yield sys.stdout.buffer
        return
    Path(file).parent.mkdir(parents=True, exist_ok=True)
    with whole_file(Path(file)) as target:
        if not file.endswith(".gz"):
            yield target
            return
        with gzip.open(target, "wb") as packed:
            yield cast("BinaryIO", packed)

"""`withthis demo`, from nothing to a first answer: creates a shop, indexes it, serves it, and sends it a query."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated

import typer

from service.app import create_app
from service.build import build_service
from service.cli.client import ServiceClient
from service.cli.console import err, out, plain, start
from service.cli.feed_report import show_report
from service.cli.index import run_ingest
from service.cli.listening import address, check_exposure, listen
from service.cli.serving import serving
from service.cli.tables import show_answer
from service.errors import EncoderMismatch
from service.images.sources import UploadedImage
from service.search.types import RerankOptions, SearchRequest
from service.server.state import ServiceState
from service.settings import Settings
from service.wire.catalogs import DEFAULT_CATALOG
from starter.demo_shop import DEMO_DIR, QUERY_IMAGE, QUERY_TEXT, make_shop, query_image
from starter.encoder_adapter import STARTER_ID

Folder = Annotated[Path, typer.Option("--dir", help="Folder for the demo shop and its index.")]
Products = Annotated[int, typer.Option(min=9, help="Number of products, when the demo shop is created.")]
Serve = Annotated[bool, typer.Option("--serve/--no-serve", help="Keep serving after the first query.")]
Port = Annotated[int | None, typer.Option(help="Port to listen on, 0 for a free one. Default: WITHTHIS_PORT.")]


def demo(folder: Folder = DEMO_DIR, products: Products = 900, serve: Serve = True, port: Port = None) -> None:
    """Build the demo shop, index it, serve it, and run a first composed query through the live service."""
    settings = _settings(folder, port)
    # Bound first, so that a port in use is detected before minutes of work.
    with listen(settings.server.host, settings.server.port) as sock:
        feed = make_shop(folder / f"shop-{products}", products)
        service = _service(settings)
        try:
            report = run_ingest(feed, settings, service.encoder, service.default.store)
            show_report(report, feed.with_name(f"{feed.name}.rejects.jsonl"))
            with serving(create_app(settings, service), settings, sock) as server:
                _first_query(address(sock), settings)
                if serve:
                    err.print(f"\nThe demo shop is running at [bold]{address(sock)}[/] (Ctrl+C stops it)")
                    server.join()
        except KeyboardInterrupt:
            err.print("closed")
        finally:
            service.close()


def _settings(folder: Path, port: int | None) -> Settings:
    """The user's settings with the index in the demo's folder: each encoder has its own, the shop is shared."""
    settings = start(port=port)
    check_exposure(settings)
    index = folder / index_name(settings)
    places = {"data_dir": index, "store_uri": str(index / "milvus.db"), "images_url": ""}
    return settings.of_catalog(DEFAULT_CATALOG).model_copy(update=places)


def index_name(settings: Settings) -> str:
    """Folder of an encoder's index, below the demo's: none for the bundled one, else by what selects the vectors."""
    chosen = (settings.encoder.path, settings.encoder.revision, settings.encoder.text_model, settings.encoder.fit)
    if settings.encoder.name == STARTER_ID and settings.encoder.path is None:
        return ""
    return f"{settings.encoder.name}-{hashlib.sha256(repr(chosen).encode()).hexdigest()[:8]}"


def _service(settings: Settings) -> ServiceState:
    """Models and store. Raises EncoderMismatch that names the folder, if the weights were replaced in place."""
    try:
        return build_service(settings)
    except EncoderMismatch as error:
        raise EncoderMismatch(
            f"The demo's index in {settings.data_dir} was built with other weights of {settings.encoder.name}. Delete "
            "that folder to index again, or choose another one with --dir."
        ) from error


def _first_query(url: str, settings: Settings) -> None:
    """Ask the live service, over HTTP like any other client."""
    err.print(f'\n[bold]"{QUERY_TEXT}"[/] + {plain(QUERY_IMAGE)}')
    request = SearchRequest(text=QUERY_TEXT, image=UploadedImage(query_image()), rerank=RerankOptions())
    with ServiceClient(url, settings) as client:
        show_answer(out, client.search(request))

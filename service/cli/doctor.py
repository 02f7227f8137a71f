"""`withthis doctor`: checks each component by itself, and says what to do if one fails."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from rerank.query import Query
from service.app import create_app
from service.build import (
    build_rerank,
    check_model_server,
    load_encoder,
    new_vocabulary,
    open_images,
    open_store,
)
from service.catalog.documents import Documents
from service.cli.console import out, plain, start
from service.cli.listening import check_exposure, listen
from service.encoders.blindness import blindness
from service.encoders.probe import probe
from service.errors import ConfigurationError, WithThisError
from service.search.online.rival import Rival
from service.search.query_adapter import read_adapter
from service.search.reranking.score_probe import TOO_SLOW, probe_products, probe_scores
from service.search.rules.book import RuleBook
from service.search.types import RerankOptions
from service.settings import Settings
from service.stores.local_file import is_local
from service.stores.store import Store
from service.support.disk import RESERVE_BYTES, has_room
from service.support.version import package_version
from service.wire.catalogs import DEFAULT_CATALOG

Check = Callable[[Settings], str]
"""Looks at a component; raises an error of ours that says what to do."""

PROBE_S = 60.0
"""Longest time for trying the reranker."""

AsJson = Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")]


@dataclass(frozen=True, slots=True)
class Finding:
    """One component: whether it works, and what was found or what to do."""

    part: str
    well: bool
    detail: str


def doctor(as_json: AsJson = False) -> None:
    """Check models, store, device, folder, files and port. Exit status 1 if something needs attention."""
    settings = start()
    findings = [examine(part, check, chosen) for part, check, chosen in checks(settings)]
    if as_json:
        out.print_json(json.dumps([asdict(finding) for finding in findings]))
    else:
        _show(findings)
    if not all(finding.well for finding in findings):
        raise typer.Exit(1)


def checks(settings: Settings) -> Iterator[tuple[str, Check, Settings]]:
    """Every check with its name and its settings: those of stores once for each catalog."""
    for part, check in CHECKS.items():
        for catalog in settings.catalog_names if part in OF_EACH_CATALOG else (DEFAULT_CATALOG,):
            own = settings.of_catalog(catalog) if part in OF_EACH_CATALOG else settings
            yield part if catalog == DEFAULT_CATALOG else f"{part} of {catalog}", check, own


def examine(part: str, check: Check, settings: Settings) -> Finding:
    """Run one check; an error of ours is a finding, not a crash."""
    try:
        return Finding(part, True, check(settings))
    except WithThisError as error:
        return Finding(part, False, error.detail)


def _device(settings: Settings) -> str:
    import torch  # noqa: PLC0415 (slow, and `--help` does without)

    accelerator = torch.cuda.get_device_name(0) if torch.cuda.is_available() else "no GPU, running on the CPU"
    threads = settings.encoder.torch_threads or torch.get_num_threads()
    return f"{accelerator}; torch {torch.__version__}, {threads} threads"


def _versions(_: Settings) -> str:
    return f"withthis {package_version()}, Python {platform.python_version()}"


def _folder(settings: Settings) -> str:
    """The folder, or its nearest parent that exists, must be writable and have room; nothing is created here."""
    folder = settings.data_dir.absolute()
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK):
        raise ConfigurationError("The data folder is not writable. Set WITHTHIS_DATA_DIR to a writable folder.")
    if not has_room(existing):
        raise ConfigurationError(
            f"Less than {RESERVE_BYTES // 2**20} MiB are free on the disk of {settings.data_dir}, so changes are "
            "refused. Free some space."
        )
    return str(settings.data_dir)


def _images(settings: Settings) -> str:
    open_images(settings).ping()
    return f"{settings.images_location} answers"


def _encoder(settings: Settings) -> str:
    encoder = load_encoder(settings)
    probe(encoder)
    wrong = blindness(encoder, [Query(one.title, one.image) for one in probe_products()])
    if wrong is not None:
        raise ConfigurationError(f"The encoder loads, but finds nothing. {wrong}")
    info = encoder.info
    return f"{info.id} loads and embeds, {info.dimension} dimensions, fingerprint {info.fingerprint[:12]}"


def _reranker(settings: Settings) -> str:
    stage = build_rerank(settings)
    stage.close()
    check_model_server(settings)
    engine = f"engine {settings.engine_name}" if settings.engine_name else "no engine"
    return f"{engine}; strategies: {', '.join(stage.strategies)}"


def _scores(settings: Settings) -> str:
    """Whether the scores of the default strategy mean anything."""
    stage = build_rerank(settings)
    try:
        strategy = stage.plan(RerankOptions()).strategy
        wrong = probe_scores(strategy, probe_products(), time.monotonic() + PROBE_S)
    except TimeoutError:
        return f"strategy {settings.rerank.strategy}: {TOO_SLOW}"
    finally:
        stage.close()
    if wrong is not None:
        raise ConfigurationError(f"The strategy {settings.rerank.strategy} cannot be trusted. {wrong}")
    return f"strategy {settings.rerank.strategy} finds products by themselves"


def _files(settings: Settings) -> str:
    """What a service reads besides models when it starts: it does not start without one of them."""
    search, rival = settings.search, settings.online.interleave or Rival()
    new_vocabulary(settings)
    RuleBook(search.rules)
    adapters = [path for path in (search.query_adapter, rival.query_adapter) if path is not None]
    if adapters:
        encoder = load_encoder(settings).info
        for path in adapters:
            read_adapter(path, encoder)
    named = [str(path) for path in (search.rules, search.synonyms, *adapters) if path is not None]
    return f"{', '.join(named)} can be used" if named else "no rules, synonyms or query adapter"


def _application(settings: Settings) -> str:
    """The folders of the search log, and packages that settings ask for."""
    create_app(settings)
    logs = [settings.of_catalog(name).online.search_log for name in settings.catalog_names]
    return f"the search log goes to {', '.join(str(log) for log in logs)}" if any(logs) else "no search log"


def _store(settings: Settings) -> str:
    if is_local(settings.store_uri) and not Path(settings.store_uri).exists():
        return f"no store file yet; `withthis index FEED` creates {settings.store_uri}"
    store = open_store(settings)
    try:
        store.ping()
        rows = store.count()
        form = _form(settings, store) if rows else ""
    finally:
        store.close()
    return f"{rows} rows in collection {settings.store.collection}{form or '; fill it with `withthis index FEED`'}"


def _form(settings: Settings, store: Store) -> str:
    """What vectors are made of in an existing collection, which is only compared with the encoder."""
    documents = Documents(load_encoder(settings), settings.catalog.form)
    documents.bind(store)
    advice = "" if documents.form.has_words else " alone; `withthis reindex` makes them of words, too"
    return f", vectors made of {documents.form}{advice if settings.catalog.document is None else ''}"


def _port(settings: Settings) -> str:
    check_exposure(settings)
    with listen(settings.server.host, settings.server.port):
        return f"{settings.server.host} port {settings.server.port} is free"


OF_EACH_CATALOG = ("pictures", "files", "store")
CHECKS: dict[str, Check] = {
    "versions": _versions,
    "device": _device,
    "data folder": _folder,
    "pictures": _images,
    "encoder": _encoder,
    "reranker": _reranker,
    "scores": _scores,
    "files": _files,
    "application": _application,
    "store": _store,
    "port": _port,
}


def _show(findings: list[Finding]) -> None:
    table = Table(show_header=False, box=None)
    for finding in findings:
        mark = "[green]ok[/]" if finding.well else "[bold red]look[/]"
        table.add_row(mark, finding.part, plain(finding.detail))
    out.print(table)

"""A chaos run: the demo shop, a service over it, sixteen clients, and fault after fault until the time is up."""

from __future__ import annotations

import itertools
import json
import shutil
import signal
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path

import httpx

from benchmarks import probe
from benchmarks.milvus_server import MilvusProcess
from benchmarks.service_process import free_port, index
from service.cli.console import err
from starter.demo_shop import DEMO_DIR, make_shop
from tests.chaos.caller import Caller, Notes, run_until
from tests.chaos.faults import (
    COLLECTION,
    Fault,
    happen,
    mixed,
    of_the_disk,
    of_the_model,
    of_the_process,
    of_the_server,
)
from tests.chaos.figures import Run
from tests.chaos.readers import readers
from tests.chaos.service import Service
from tests.chaos.switchable_model import ModelProcess, model_process
from tests.chaos.writer import Writer
from tests.disks import SmallDisk, small_disk

WRITERS = 4
WARM_UP_S, CALM_S, PAUSE_S = 5.0, 20.0, 17.0
"""Until the rates count; until the first fault; between two faults."""
DISK_MIB = 256
AUDIT_S = 60.0


def chaos(folder: Path, seconds: float, products: int, *, on_server: bool) -> Run:
    """Run for so many seconds over the store of the demo, or over a Milvus server.

    `folder` takes data and logs. Raises ServiceError, and MilvusServerError where no server can be had.
    """
    feed = make_shop((DEMO_DIR / f"shop-{products}").absolute(), products)
    with ExitStack() as stack:
        disk = stack.enter_context(small_disk(folder / "disk", DISK_MIB))
        model = stack.enter_context(model_process())
        store = stack.enter_context(_server(folder)) if on_server else None
        env = environment(folder / "disk/data", model, store)
        index(feed, env)
        service = Service(free_port(), env, folder / "service.log")
        stack.callback(service.close)
        run = _under_load(service, faults(service, model, disk, store), seconds, products)
    if disk is None:
        run.remarks.append("No disk could be mounted here, so that none was filled.")
    return run


def environment(data: Path, model: ModelProcess, store: MilvusProcess | None) -> dict[str, str]:
    """The settings of the service: those of the demo, but that the reranking model is one that can be broken."""
    return {
        "WITHTHIS_DATA_DIR": str(data),
        "WITHTHIS_STORE_URI": store.uri if store else str(data / "milvus.db"),
        "WITHTHIS_COLLECTION": COLLECTION,
        "WITHTHIS_ENGINE": "openai-compatible",
        "WITHTHIS_ENGINE_URL": model.url,
        "WITHTHIS_ENGINE_MODEL": "chaos",
        "WITHTHIS_SEARCH_LOG": str(data / "search-log"),
        "WITHTHIS_FEEDBACK": "true",
        "WITHTHIS_LOG_LEVEL": "WARNING",
        "WITHTHIS_TORCH_THREADS": "1",
    }


def faults(
    service: Service, model: ModelProcess, disk: SmallDisk | None, store: MilvusProcess | None
) -> Sequence[Fault]:
    """All there are for this run. The disk of a Milvus server is its own affair."""
    kinds = [of_the_process(service), of_the_model(model)]
    if store is not None:
        kinds.append(of_the_server(store))
    elif disk is not None:
        kinds.append(of_the_disk(disk, service))
    return mixed(*reversed(kinds))


def _under_load(service: Service, faults: Sequence[Fault], seconds: float, products: int) -> Run:
    service.start()
    service.until_ready()
    notes, over = Notes(), threading.Event()
    writers = [Writer(number, lambda: service.ready) for number in range(WRITERS)]
    steps: list[Callable[[Caller], None]] = [*readers(products), *(writer.step for writer in writers)]
    began = time.monotonic()
    run = Run(began + WARM_UP_S, began + CALM_S, notes, declared=_declared(service.url))
    seen = service.log.with_name("probes.jsonl")
    with probe.probing(service.port, seen), _clients(service.url, notes, steps, over):
        time.sleep(CALM_S)
        for fault in itertools.cycle(faults):
            if time.monotonic() > began + seconds - PAUSE_S:
                break
            err.print(f"{time.monotonic() - began:4.0f} s: {fault.name}")
            run.faults.append(happen(fault))
            time.sleep(PAUSE_S)
        over.set()
    _audit(service, notes, writers)
    run.ledgers = [writer.ledger for writer in writers]
    run.damaged = [line for writer in writers for line in writer.damaged]
    run.absences, run.polite_exits, run.probes = service.absences, service.polite_exits, probe.read(seen)
    answers = "".join(json.dumps(asdict(one)) + "\n" for one in notes.seen)
    service.log.with_name("answers.jsonl").write_text(answers)
    run.remarks.append(f"Resident memory at the end: {service.resident_mb():,.0f} MB; {service.started} starts.")
    return run


@contextmanager
def _clients(
    url: str, notes: Notes, steps: Sequence[Callable[[Caller], None]], over: threading.Event
) -> Iterator[None]:
    """A thread each; what one raises is raised here. They end after their request once the run is over."""
    broken: list[BaseException] = []

    def client(number: int, step: Callable[[Caller], None]) -> None:
        caller = Caller(url, notes, seed=number)
        try:
            run_until(over, caller, step)
        except BaseException as error:
            broken.append(error)
        finally:
            caller.close()

    threads = [threading.Thread(target=client, args=one) for one in enumerate(steps)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()
    if broken:
        raise broken[0]


def _audit(service: Service, notes: Notes, writers: Sequence[Writer]) -> None:
    """After a last restart every product of the writers is read, and the list of all is gone through."""
    service.end(signal.SIGTERM)
    service.start()
    service.until_ready()
    caller, end = Caller(service.url, notes, seed=0), time.monotonic() + AUDIT_S
    for writer in writers:
        for id in writer.ledger.ids:
            while not writer.read(caller, id):
                assert time.monotonic() < end, "products cannot be read after the run"
    ids: list[str] = []
    cursor = None
    while cursor is not None or not ids:
        params = {"limit": 200, **({"cursor": cursor} if cursor else {})}
        page = httpx.get(f"{service.url}/v1/products", params=params, timeout=60, trust_env=False).json()
        ids += [product["id"] for product in page["products"]]
        cursor = page["next_cursor"]
    expected = [id for writer in writers for id, states in writer.ledger.possible.items() if states != {None}]
    _compare(notes, ids, expected)
    caller.close()


def _compare(notes: Notes, listed: Sequence[str], expected: Sequence[str]) -> None:
    if len(set(listed)) < len(listed):
        notes.doubled.append("the list of all products")
    ours = {id for id in listed if id.startswith("chaos-")}
    if ours != set(expected):
        notes.wrong.append(f"the list of products differs by {sorted(ours ^ set(expected))}")


def _declared(url: str) -> Mapping[str, Collection[int]]:
    """The statuses that the OpenAPI document names, by method and path."""
    document = httpx.get(f"{url}/schema/openapi.json", timeout=60, trust_env=False).json()
    return {
        f"{method.upper()} {path}": {int(status) for status in operation["responses"]}
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }


@contextmanager
def _server(folder: Path) -> Iterator[MilvusProcess]:
    shutil.rmtree(folder / "milvus", ignore_errors=True)
    (folder / "milvus").mkdir(parents=True)
    server = MilvusProcess(folder / "milvus")
    try:
        server.start()
        yield server
    finally:
        server.kill()

"""`python -m benchmarks.embedding_servers`: our encoder and `/v1/embeddings` against what they are made of and a rival.

One CLIP (ViT-B/32, random weights), everything on this machine, all in turns (A B A B), so that a busy machine slows
all of them; the ratios are medians over the rounds. `CPU` compares processor time, of which a busy machine takes less
away than of the clock's. The others compute in float32; ours in `--dtype`, float32 unless it is `fast`.

*In this process*: the encoders `sentence-transformers` (float32) and `clip` against `SentenceTransformer.encode` of the
same weights, the same inputs in batches of 32, as indexing does. Aims: at most 10 % more time for the first, at least
1.5 times as many inputs a second for the second. A composed query is two inputs to the bare model.

*Servers*: `withthis serve` with the encoder `clip` against infinity with the same weights (`--infinity EXECUTABLE`,
from `pip install torch==2.13.0 "infinity-emb[server,torch]==0.0.78" "transformers<5" aiohttp` in an environment of its
own), asked by 32 clients, each with one input a request, as soon as it has its answer. Infinity 0.0.78 cuts texts for
CLIP at 20 tokens (`max_length` of the configuration, a default for generation), so texts here are shorter: others would
cost it less. A composed input is one request here, and two to infinity, which has no such inputs. Aim: at least 1.5
times as many inputs a second. Without infinity, ours alone.
"""

from __future__ import annotations

import asyncio
import base64
import io
import os
import statistics
import string
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import httpx
import psutil
import typer

from benchmarks.encoders import noise_images
from benchmarks.random_clip import as_sentence_model, write_clip
from benchmarks.report import Report, Sheet, Value
from benchmarks.service_process import RunningService, free_port, serving
from benchmarks.terminal import err
from rerank.query import Query
from service.build import load_encoder
from service.encoders.encoder import Encoder
from service.encoders.options import EncoderDtypeName
from service.encoders.sentence_models.sentence_encoder import SentenceEncoder
from service.settings import Settings

KINDS = ("texts", "images", "composed")
CLIENTS, BATCH = 32, 32
AIM_OVERHEAD, AIM_RATE = 1.10, 1.5
START_S = 120.0
ROUNDED = dict.fromkeys(("wrapped, time", "wrapped, CPU", "×", "× by CPU"), ".2f")

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Server:
    """Where it answers, and the requests that make one input of a kind there."""

    name: str
    url: str
    process: psutil.Process
    requests: Callable[[str, int], list[Body]]


def sentence(number: int) -> str:
    """A text of 15 tokens, another for each number below 676."""
    letters = string.ascii_lowercase
    return f"mug like this {letters[number // 26 % 26]}{letters[number % 26]}"


def inputs(count: int) -> list[Query]:
    """Composed queries of distinct texts and a few images."""
    images = noise_images(8)
    return [Query(sentence(number), images[number % len(images)]) for number in range(count)]


def part(query: Query, kind: str) -> Query:
    """The part of a composed query that is of a kind."""
    if kind == "composed":
        return query
    return Query(query.text) if kind == "texts" else Query(image=query.image)


def bare(model: Any, queries: Sequence[Query]) -> None:
    """What the published library does with the same inputs."""
    given = [value for query in queries for value in (query.text, query.image) if value is not None]
    by_kind = [[one for one in given if isinstance(one, str)], [one for one in given if not isinstance(one, str)]]
    for some in by_kind:
        if some:
            model.encode(some, batch_size=BATCH, show_progress_bar=False, normalize_embeddings=True)


def in_process(wrapped: SentenceEncoder, clip: Encoder, count: int, rounds: int) -> list[dict[str, Value]]:
    """A row for each kind: inputs a second of the library and of both encoders, what more time the encoder takes that
    wraps the library, and `clip` as a multiple of the library.
    """
    rows = list[dict[str, Value]]()
    for kind in KINDS:
        queries = [part(query, kind) for query in inputs(count)]
        ways: tuple[Callable[[], object], ...] = (
            lambda: bare(wrapped._model, queries),  # noqa: B023 (called here)
            lambda: wrapped.encode(queries),  # noqa: B023
            lambda: clip.encode(queries),  # noqa: B023
        )
        spent = [[_spent(way) for way in ways] for _ in range(rounds + 1)][1:]
        rates = (count / statistics.median(one[0] for one in column) for column in zip(*spent, strict=True))
        row: dict[str, Value] = {"": kind, **dict(zip(("library/s", "wrapped/s", "clip/s"), rates, strict=True))}
        for i, name in enumerate(("time", "CPU")):
            row[f"wrapped, {name}"] = statistics.median(own[i] / base[i] for base, own, _ in spent)
        for i, name in enumerate(("×", "× by CPU")):
            row[name] = statistics.median(base[i] / own[i] for base, _, own in spent)
        rows.append(row)
    return rows


def _spent(way: Callable[[], object]) -> tuple[float, float]:
    """Seconds by the clock and of the processor."""
    begin, begin_cpu = time.perf_counter(), time.process_time()
    way()
    return time.perf_counter() - begin, time.process_time() - begin_cpu


def between_servers(servers: Sequence[Server], count: int, rounds: int) -> list[dict[str, Value]]:
    """A row for each kind: inputs a second of each server, and of the first as a multiple of the second."""
    rows: list[dict[str, Value]] = []
    for kind in KINDS:
        for server in servers:
            asyncio.run(taken(server, kind, CLIENTS))
        times = [[asyncio.run(taken(server, kind, count)) for server in servers] for _ in range(rounds)]
        medians = [statistics.median(one[0] for one in column) for column in zip(*times, strict=True)]
        names = [f"{server.name}/s" for server in servers]
        row: dict[str, Value] = {"": kind, **dict(zip(names, (count / one for one in medians), strict=True))}
        if len(servers) > 1:
            clock, cpu = (statistics.median(theirs[i] / own[i] for own, theirs in times) for i in range(2))
            row |= {"×": clock, "× by CPU": cpu}
        rows.append(row)
    return rows


async def taken(server: Server, kind: str, count: int) -> tuple[float, float]:
    """Seconds until so many inputs are answered, by the clock and of the server's processor time.

    RuntimeError for an answer other than 200.
    """
    numbers = iter(range(count))

    async def ask(client: httpx.AsyncClient) -> None:
        for number in numbers:
            for body in server.requests(kind, number):
                answer = await client.post("/embeddings", json=body)
                if answer.status_code != httpx.codes.OK:
                    raise RuntimeError(f"{server.name} answered {answer.status_code}: {answer.text[:200]}")

    begin, before = time.perf_counter(), _cpu_s(server.process)
    async with httpx.AsyncClient(base_url=server.url, timeout=300, limits=httpx.Limits(max_connections=CLIENTS)) as one:
        await asyncio.gather(*(ask(one) for _ in range(CLIENTS)))
    return time.perf_counter() - begin, _cpu_s(server.process) - before


def _cpu_s(process: psutil.Process) -> float:
    spent = [member.cpu_times() for member in (process, *process.children(recursive=True))]
    return float(sum(one.user + one.system for one in spent))


def data_uris() -> list[str]:
    """JPEGs, as shops have them."""
    found = []
    for image in noise_images(8):
        image.save(buffer := io.BytesIO(), "JPEG", quality=90)
        found.append("data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode())
    return found


def ours(service: RunningService, uris: Sequence[str]) -> Server:
    """Our service: each input is one request."""

    def requests(kind: str, number: int) -> list[Body]:
        text, image = sentence(number), uris[number % len(uris)]
        given = {"texts": text, "images": {"image": image}, "composed": {"text": text, "image": image}}[kind]
        return [{"input": [given], "encoding_format": "base64"}]

    return Server("ours", f"{service.url}/v1", service.process, requests)


def infinity(url: str, process: psutil.Process, model: str, uris: Sequence[str]) -> Server:
    """Infinity: a composed input is a text and an image."""

    def requests(kind: str, number: int) -> list[Body]:
        shared = {"model": model, "encoding_format": "base64"}
        text = {**shared, "input": [sentence(number)]}
        image = {**shared, "input": [uris[number % len(uris)]], "modality": "image"}
        return {"texts": [text], "images": [image], "composed": [text, image]}[kind]

    return Server("infinity", url, process, requests)


@contextmanager
def running_infinity(executable: Path, model: Path) -> Iterator[tuple[str, psutil.Process]]:
    """Where infinity answers with this model, and its process. RuntimeError if it does not start."""
    port = free_port()
    options = ("--engine", "torch", "--device", "cpu", "--batch-size", str(BATCH), "--no-model-warmup")
    command = [str(executable), "v2", "--model-id", str(model), "--host", "127.0.0.1", "--port", str(port), *options]
    environment = os.environ | {"DO_NOT_TRACK": "1", "HF_HUB_OFFLINE": "1", "INFINITY_LOG_LEVEL": "error"}
    server = subprocess.Popen(command, env=environment, stdout=sys.stderr, start_new_session=True)
    try:
        url, end = f"http://127.0.0.1:{port}", time.monotonic() + START_S
        while not _answers(url):
            if server.poll() is not None or time.monotonic() > end:
                raise RuntimeError("infinity did not start; the lines above say why")
            time.sleep(0.2)
        yield url, psutil.Process(server.pid)
    finally:
        server.terminate()
        server.wait(START_S)


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health", timeout=5).is_success
    except httpx.TransportError:
        return False


def notes(here: Sequence[dict[str, Value]], served: Sequence[dict[str, Value]]) -> list[str]:
    """Which aims were missed."""
    slow = _kinds(here, "wrapped, time", lambda found: found > AIM_OVERHEAD)
    found = [f"The aim, at most {AIM_OVERHEAD:.0%} of the time, is missed for {slow}."] if slow else []
    for place, rows in (("in this process", here), ("by servers", served)):
        if behind := _kinds(rows, "×", lambda ratio: ratio < AIM_RATE):
            found.append(f"The aim, {AIM_RATE:g} times as many, is missed {place} for {behind}.")
    return found


def _kinds(rows: Sequence[dict[str, Value]], column: str, missed: Callable[[float], bool]) -> str:
    return ", ".join(str(row[""]) for row in rows if isinstance(one := row.get(column), float) and missed(one))


def main(
    infinity_path: Annotated[Path | None, typer.Option("--infinity", help="The executable `infinity_emb`.")] = None,
    dtype: Annotated[EncoderDtypeName, typer.Option(help="Of `clip`: auto or fast.")] = "auto",
    rounds: Annotated[int, typer.Option(min=1, help="Times that all are measured in turn.")] = 3,
    count: Annotated[int, typer.Option(min=32, help="Inputs of each kind for a server; half as many here.")] = 64,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as made, ExitStack() as running:
        clip = write_clip(Path(made) / "clip")
        model = as_sentence_model(clip, Path(made) / "sentence-model")
        chosen = Settings(_env_file=None, encoder="clip", encoder_path=clip, encoder_device="cpu", encoder_dtype=dtype)
        with err.status("in this process"):
            wrapped = SentenceEncoder.load(model, device="cpu", batch=BATCH)
            here = in_process(wrapped, load_encoder(chosen), count // 2, rounds)
            del wrapped
        settings = {
            "WITHTHIS_ENCODER": "clip",
            "WITHTHIS_ENCODER_PATH": str(clip),
            "WITHTHIS_ENCODER_DTYPE": dtype,
            "WITHTHIS_DATA_DIR": str(Path(made) / "data"),
            "WITHTHIS_STORE_URI": f"exact:{made}/store",
            "WITHTHIS_LOG_LEVEL": "WARNING",
        }
        uris = data_uris()
        service = running.enter_context(serving(settings))
        servers = [ours(service, uris)]
        if infinity_path is not None:
            servers.append(infinity(*running.enter_context(running_infinity(infinity_path, clip)), str(clip), uris))
        with err.status(f"{CLIENTS} clients"):
            served = between_servers(servers, count, rounds)
    sheets = [
        Sheet(f"{count // 2} inputs in this process, {rounds} times", here, ROUNDED),
        Sheet(f"{count} inputs of {CLIENTS} clients, {rounds} times", served, ROUNDED),
    ]
    Report(sheets, notes(here, served)).show(as_json=as_json)


if __name__ == "__main__":
    typer.run(main)

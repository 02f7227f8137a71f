"""`python -m benchmarks.chunked`: fifty candidates in windows side by side, and in a sliding window.

A server on this machine, in its own process, speaks chat completions and answers each request after some time, however
many come at once, as a model server that batches does below its capacity. The caption is given. `calls` are all
requests of a ranking; how many come at once is bounded by the concurrency. CPU seconds are those of this process: on a
busy machine the clock says little. `--model FOLDER` measures an image-text-to-text checkpoint of transformers in this
process, too, which takes one request at a time. Aim: with a server that takes 100 ms, `chunked` at least
three times as fast as `sliding-window`.
"""

from __future__ import annotations

import json
import multiprocessing
import re
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Annotated, Any

import typer
from PIL import Image

from benchmarks.chunked_quality import simulated
from benchmarks.report import Report, Sheet, Value
from rerank.candidates import Candidate
from rerank.engines.engine import Engine
from rerank.engines.openai_compatible import ChatClient, OpenAICompatibleEngine
from rerank.prompts import PromptLibrary
from rerank.query import Query
from rerank.strategies.captioning import Captioner
from rerank.strategies.chunked import ChunkedStrategy
from rerank.strategies.listwise import ListwiseStrategy
from rerank.strategies.pointwise import PointwiseStrategy
from rerank.strategies.sliding_window import SlidingWindowStrategy
from rerank.strategies.strategy import Strategy

CANDIDATES, WINDOW, SIDE, AIM = 50, 9, 300, 3.0
Counter = Any
"""A number that processes share (`multiprocessing.Value`)."""

_LETTERS = re.compile(r"best first: ([A-Z](?:, [A-Z])*)")


class SlowServer(ThreadingHTTPServer):
    """Answers after `delay_s`: the letters as they stand, or that a product matches. Counts its requests."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, delay_s: float, calls: Counter) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.delay_s, self.calls = delay_s, calls


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm, wbufsize = True, 2**16  # an answer is one packet, and waits for nothing
    server: SlowServer

    def do_POST(self) -> None:
        """One chat completion."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.calls.get_lock():
            self.server.calls.value += 1
        time.sleep(self.server.delay_s)
        content = json.dumps({"choices": [_choice(body)]}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Nothing: a benchmark prints a table."""


def _choice(body: dict[str, Any]) -> dict[str, Any]:
    if body["max_tokens"] == 1:
        likely = [{"token": "A", "logprob": -0.3}, {"token": "B", "logprob": -1.4}]
        scores = {"content": [{**likely[0], "top_logprobs": likely}]}
        return {"message": {"content": "A"}, "finish_reason": "length", "logprobs": scores}
    found = _LETTERS.search(body["messages"][0]["content"][0]["text"])
    letters = found[1].split(", ") if found else []
    return {"message": {"content": json.dumps({"ranking": letters, "reason": "as is"})}, "finish_reason": "stop"}


@contextmanager
def served(delay_s: float) -> Iterator[tuple[str, Counter]]:
    """The URL of a running server, in a process of its own, and how many requests it had."""
    context = multiprocessing.get_context("spawn")
    calls, port = context.Value("i", 0), context.Value("i", 0)
    process = context.Process(target=_serve, args=(delay_s, calls, port), daemon=True)
    process.start()
    try:
        while not port.value:
            assert process.is_alive()
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port.value}/v1", calls
    finally:
        process.terminate()
        process.join()


def _serve(delay_s: float, calls: Counter, port: Counter) -> None:
    with SlowServer(delay_s, calls) as server:
        port.value = server.server_address[1]
        server.serve_forever()


def wares(count: int) -> tuple[Query, list[Candidate]]:
    """A query and candidates, each with an image of its own."""
    shades = [Image.new("RGB", (SIDE, SIDE), (place * 5 % 256, place * 40 % 256, 90)) for place in range(count + 1)]
    shown = [
        Candidate(f"p{place}", f"A phone case, no. {place}", shades[place], 1.0 - place / count, f"key{place}")
        for place in range(count)
    ]
    return Query("a phone case with this", shades[-1], image_hash="query", caption="a leopard"), shown


def strategies(engine: Engine) -> dict[str, Strategy]:
    """The two that are compared."""
    prompts = PromptLibrary.load()
    listwise, window = ListwiseStrategy(engine, prompts), min(WINDOW, engine.info.max_candidates)
    pointwise, captioner = PointwiseStrategy(engine, prompts, batch=CANDIDATES), Captioner(engine, prompts)
    return {
        "sliding-window": SlidingWindowStrategy(listwise, window=window, step=window // 2),
        "chunked": ChunkedStrategy(listwise, pointwise, captioner, window=window),
    }


def seconds(strategy: Strategy, count: int, runs: int) -> tuple[float, float]:
    """The medians of some rankings, by the clock and of the CPU. AssertionError if one is degraded."""
    query, shown = wares(count)
    clock, cpu = [], []
    for _ in range(runs):
        start, start_cpu = time.perf_counter(), time.process_time()
        outcome = strategy.rerank(query, shown)
        clock.append(time.perf_counter() - start)
        cpu.append(time.process_time() - start_cpu)
        assert outcome.degraded is None, outcome
    return statistics.median(clock), statistics.median(cpu)


def compared(
    engine: Engine, where: str, count: int, runs: int, calls: Callable[[], int | None]
) -> list[dict[str, Value]]:
    """A row for each strategy; `calls` of the engine so far."""
    rows: list[dict[str, Value]] = []
    for name, strategy in strategies(engine).items():
        before = calls()
        (clock, cpu), after = seconds(strategy, count, runs), calls()
        made = None if before is None or after is None else (after - before) // runs
        rows.append({"model": where, "strategy": name, "calls": made, "s": clock, "CPU s": cpu})
    base = rows[0]["s"]
    return [{**row, "×": base / row["s"]} for row in rows if isinstance(base, float) and isinstance(row["s"], float)]


def by_server(concurrency: int, delay_s: float, count: int, runs: int) -> list[dict[str, Value]]:
    """Both strategies over the server."""
    with served(delay_s) as (url, made), closing(ChatClient(url, concurrency=concurrency)) as client:
        engine = OpenAICompatibleEngine(client, model="m", layout="images", parallel=concurrency)
        where = f"server, {concurrency} at once"
        return compared(engine, where, count, runs, lambda: made.value)


def in_process(model: Path, count: int, runs: int) -> list[dict[str, Value]]:
    """Both strategies over a checkpoint."""
    from rerank.engines.transformers_engine import TransformersEngine  # noqa: PLC0415 (brings transformers' models)

    engine = TransformersEngine.load(str(model), device="cpu", layout="images", max_candidates=WINDOW)
    return compared(engine, f"{model.name}, in this process", count, runs, lambda: None)


def main(
    *,
    concurrency: Annotated[list[int] | None, typer.Option(help="Requests at once; 8, 16, 32, 64.")] = None,
    delay_ms: Annotated[float, typer.Option(min=0, help="Time of the server for one call.")] = 100.0,
    candidates: Annotated[int, typer.Option(min=10, max=100, help="Candidates.")] = CANDIDATES,
    runs: Annotated[int, typer.Option(min=1, help="Rankings of each kind.")] = 5,
    model: Annotated[Path | None, typer.Option(help="Folder of a checkpoint, to be run here, too.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Measure and print."""
    rows = [
        row
        for at_once in concurrency or (8, 16, 32, 64)
        for row in by_server(at_once, delay_ms / 1000, candidates, runs)
    ]
    if model is not None:
        rows += in_process(model, candidates, runs)
    title = f"{candidates} candidates, windows of {WINDOW}, a server that takes {delay_ms:g} ms"
    speed = Sheet(title, rows, {"s": ".2f", "CPU s": ".2f", "×": ".1f"})
    quality = simulated(candidates, WINDOW)
    told = Sheet("nDCG@9 of simulated rankers", quality, dict.fromkeys(list(quality[0])[2:], ".3f"))
    Report([speed, told], _notes(rows)).show(as_json=as_json)


def _notes(rows: Sequence[dict[str, Value]]) -> list[str]:
    factors = [row["×"] for row in rows if row["strategy"] == "chunked"]
    best = max(factor for factor in factors if isinstance(factor, float))
    return [] if best >= AIM else [f"The aim, {AIM:g} times as fast, is missed: {best:.1f}."]


if __name__ == "__main__":
    typer.run(main)

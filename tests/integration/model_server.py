"""A model server for tests: speaks chat completions over real HTTP and says, or breaks, what a test wants."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from litestar import Litestar, Request, Response, get, post
from litestar.response import Stream

Body = dict[str, Any]
Answer = Callable[[Body], Response[Any] | Awaitable[Response[Any]]]


def reply(status: int = 200, content: bytes = b"", media_type: str = "application/json", **headers: str) -> Answer:
    """Always this."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda body: Response(content, status_code=status, media_type=media_type, headers=named)


def completion(text: object, finish: str = "stop", **message: object) -> dict[str, object]:
    """A chat completion as servers write it."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text, **message}, "finish_reason": finish}
    usage = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}
    return {"id": "c", "object": "chat.completion", "model": "m", "choices": [choice], "usage": usage}


def says(text: object, finish: str = "stop", **message: object) -> Answer:
    """Answer with a completion; lone surrogates and controls are escaped, as JSON allows."""
    return reply(content=json.dumps(completion(text, finish, **message)).encode())


def alternatives(*named: tuple[str, float]) -> Answer:
    """Answer with one token and the log probabilities of these alternatives."""
    body = completion(named[0][0], "length")
    entries = [{"token": token, "logprob": value, "bytes": None} for token, value in named]
    body["choices"][0]["logprobs"] = {"content": [{**entries[0], "top_logprobs": entries}]}  # type: ignore[index]
    return reply(content=json.dumps(body).encode())


def breaks_off(body: Body) -> Response[Any]:
    """Announce more than is sent: the server closes the connection."""

    async def half() -> AsyncIterator[bytes]:
        yield b'{"choices": [{"message": {"con'

    return Stream(half(), media_type="application/json", headers={"Content-Length": "9999"})


def floods(body: Body) -> Response[Any]:
    """A gigabyte, if somebody reads it."""

    async def flood() -> AsyncIterator[bytes]:
        for _ in range(2**14):
            yield b"a" * 2**16
            await asyncio.sleep(0)

    return Stream(flood(), media_type="application/json")


def drips(body: Body) -> Response[Any]:
    """A byte now and then, for a minute: no single wait is long."""

    async def slow() -> AsyncIterator[bytes]:
        for _ in range(3000):
            yield b" "
            await asyncio.sleep(0.02)

    return Stream(slow(), media_type="application/json")


def stalls(body: Body) -> Response[Any]:
    """The start of an answer, then nothing for a minute."""

    async def start() -> AsyncIterator[bytes]:
        yield b'{"choices": '
        await asyncio.sleep(60)

    return Stream(start(), media_type="application/json")


async def hangs(body: Body) -> Response[Any]:
    """No answer as long as any test waits."""
    await asyncio.sleep(60)
    return Response(b"")


HTML = b"<html><body><h1>502 Bad Gateway</h1> at 0x7f00 sk-secret-0123456789</body></html>"
FOREIGN = b'{"detail": [{"loc": ["body"], "msg": "/srv/secret.py at 0x7f00"}]}'

FAILURES: list[Answer] = [
    reply(500, b"Traceback (most recent call last)", "text/plain"),
    reply(502, HTML, "text/html"),
    reply(504, b"", "text/html"),
    reply(408, b"{}"),
    reply(401, b'{"error": {"message": "Incorrect API key provided: sk-secret-0123456789."}}'),
    reply(403, FOREIGN),
    reply(404, b'{"object": "error", "message": "The model `m` does not exist.", "code": 404}'),
    reply(400, b'{"error": {"message": "maximum context length is 4096 tokens"}}'),
    reply(422, FOREIGN),
    reply(413, HTML, "text/html"),
    reply(302, b"", Location="http://127.0.0.1:9/v1"),
    reply(200, HTML, "text/html"),
    reply(200, b"OK", "text/plain"),
    reply(200, b"", "text/plain"),
    reply(200, b'data: {"choices": [{"delta": {"content": "[C, A]"}}]}\n\n', "text/event-stream"),
    reply(200, b'{"choices": [{"message": {"content": "[C, A'),
    reply(200, b'{"error": {"message": "no"}}'),
    reply(200, b"[]"),
    reply(200, b"null"),
    reply(200, b'"[C, A, E, B, D]"'),
    reply(200, b'{"choices": []}'),
    reply(200, b'{"choices": [{"message": "[C, A]"}]}'),
    reply(200, b'{"choices": [{"text": "[C, A]"}]}'),
    reply(200, b'{"choices": {"0": {"message": {"content": "[C, A]"}}}}'),
    reply(200, b'{"generated_text": "[C, A, E, B, D]"}'),
    reply(200, b"[" * 100_000),
    reply(200, b"9" * 5000),
    reply(200, b'{"choices": "\xff\xfe"}'),
    reply(200, gzip.compress(b" " * 2**24), Content_Encoding="gzip"),
    floods,
    breaks_off,
]
"""Replies that no order can be read from, of this and of other kinds of servers."""


class ModelServer:
    """`POST` at any address and `GET /v1/models` on a free port."""

    def __init__(self) -> None:
        self.url = ""
        self.bodies: list[Body] = []
        self.paths: list[str] = []
        self.headers: list[dict[str, str]] = []
        self._script: list[Answer] = []

    def say(self, *answers: Answer) -> None:
        """Forget what was, give these answers in turn, and then the last one forever."""
        self.bodies, self.paths, self.headers, self._script = [], [], [], list(answers)

    @property
    def app(self) -> Litestar:
        """The application; an error in an answer closes the connection, and is no news."""

        @post("/{anywhere:path}", status_code=200)
        async def chat(request: Request[Any, Any, Any]) -> Response[Any]:
            self.bodies.append(json.loads(await request.body()))
            self.paths.append(request.url.path)
            self.headers.append(dict(request.headers))
            answer = self._script.pop(0) if len(self._script) > 1 else self._script[0]
            said = answer(self.bodies[-1])
            return said if isinstance(said, Response) else await said

        @get("/v1/models")
        async def models(request: Request[Any, Any, Any]) -> Response[Any]:
            self.headers.append(dict(request.headers))
            said = self._script[0]({})
            return said if isinstance(said, Response) else await said

        return Litestar([chat, models], openapi_config=None, logging_config=None, request_max_body_size=None)


@contextmanager
def model_server() -> Iterator[ModelServer]:
    """A running server; its thread and its connections end with the block."""
    state = ModelServer()
    with serving(state.app) as address:
        state.url = f"{address}/v1"
        yield state


@contextmanager
def serving(app: Litestar, port: int = 0) -> Iterator[str]:
    """The address of an application; its thread and its connections end with the block."""
    listener = socket.create_server(("127.0.0.1", port))
    config = uvicorn.Config(app, log_level="critical", lifespan="off", ws="none", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)
        listener.close()


@contextmanager
def deaf_listener() -> Iterator[str]:
    """The address of something that takes every connection and closes it without a word."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connection.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)

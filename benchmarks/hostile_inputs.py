"""Requests that demand far more than they cost to send: large, deep, many, slow. All are harmless data.

Each input is sent to a private service and returns how often each status came; `none` is a connection that was
closed without an answer.
"""

from __future__ import annotations

import base64
import io
import json
import shutil
import socket
import struct
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
from PIL import Image

PEAK_MB = 300.0
BODY_BYTES = 16 * 2**20 - 1000
PATIENCE_S = 600.0
LARGE = "large-"

Statuses = Counter[str]


@dataclass(frozen=True, slots=True)
class Target:
    """A service: its address, its folder, and the products that have nothing but large images."""

    url: str
    images: Path
    products: Sequence[str]


@dataclass(frozen=True, slots=True)
class HostileInput:
    """What is sent, in words, and how."""

    name: str
    send: Callable[[Target], Statuses]


def inputs() -> list[HostileInput]:
    """All there are."""
    embed = [HostileInput(f"2 × embeddings of 6 large images, {kind}", _embeddings(kind, 6)) for kind in KINDS]
    return [
        HostileInput("a filter of 5.5 million branches", _json("/v1/search", b'{"text":"a","filter":{"or":[', b"{},")),
        HostileInput("a filter 2 million levels deep", _json("/v1/search", b'{"text":"a","filter":', b'{"not":')),
        HostileInput("an array of 5.5 million products", _json("/v1/products", b"[", b"{},", method="PUT")),
        HostileInput("400,000 lines of one character", _lines),
        HostileInput("32 × headers without end", _headers),
        HostileInput("234 × half a body of 16 MiB", _half_bodies),
        HostileInput("24 × the same first thumbnail", _thumbnails),
        *embed,
        HostileInput("2 × embeddings of 256 large images, PNG", _embeddings("PNG", 256)),
        HostileInput("2 × rerank of 6 large images, PNG", _documents),
        HostileInput("one product of 32 large images", _product),
        HostileInput("2 × search with 16 large product images, reranked", _reranked),
        HostileInput("the same without what was kept at working size", _reranked_from_originals),
        HostileInput("64 × streams that are not read", _streams),
    ]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of image. `side`: with it an image is about as large as it may be, unless its name says otherwise."""

    format: str
    mode: str = "RGB"
    side: int = 6320
    options: Mapping[str, object] = field(default_factory=dict)


KINDS = {
    "PNG": Kind("PNG"),
    "PNG with alpha": Kind("PNG", "RGBA"),
    "WebP": Kind("WEBP", side=3700),
    "WebP beyond its limit": Kind("WEBP"),
    "JPEG": Kind("JPEG"),
    "progressive JPEG": Kind("JPEG", side=5740, options={"progressive": True, "subsampling": 0}),
    "progressive CMYK JPEG": Kind("JPEG", "CMYK", 5000, {"progressive": True}),
}


@cache
def large_image(kind: str = "PNG") -> bytes:
    """An image in one color, as large as it may be, in few bytes."""
    one, buffer = KINDS[kind], io.BytesIO()
    image = Image.new(one.mode, (one.side, one.side), (200, 30, 30, 128)[: len(one.mode)])
    image.save(buffer, one.format, **one.options)
    return buffer.getvalue()


def other_image(number: int) -> bytes:
    """The same pixels in other bytes: a comment before the end of the PNG."""
    text = b"tEXtComment\0%d" % number
    chunk = struct.pack(">I", len(text) - 4) + text + struct.pack(">I", zlib.crc32(text))
    return large_image()[:-12] + chunk + large_image()[-12:]


def data_uri(data: bytes, kind: str = "PNG") -> str:
    """As requests hold images."""
    return f"data:image/{KINDS[kind].format.lower()};base64,{base64.b64encode(data).decode()}"


def put_large_products(url: str, count: int) -> list[str]:
    """Products with one large image each, for the inputs about product images; their ids."""
    ids = [f"{LARGE}{number}" for number in range(count)]
    for number, id in enumerate(ids):
        body = {"id": id, "title": "large", "category": "large", "images": [{"data": data_uri(other_image(number))}]}
        httpx.put(f"{url}/v1/products", json=body, timeout=PATIENCE_S).raise_for_status()
    return ids


def _json(path: str, start: bytes, again: bytes, method: str = "POST") -> Callable[[Target], Statuses]:
    content = start + again * ((BODY_BYTES - len(start)) // len(again))
    headers = {"Content-Type": "application/json"}
    return lambda target: _all([lambda: _ask(target, method, path, content=content, headers=headers)])


def _lines(target: Target) -> Statuses:
    headers = {"Content-Type": "application/x-ndjson"}
    return _all([lambda: _ask(target, "PUT", "/v1/products", content=b"0\n" * 400_000, headers=headers)])


def _embeddings(kind: str, count: int) -> Callable[[Target], Statuses]:
    def send(target: Target) -> Statuses:
        part = {"type": "image_url", "image_url": {"url": data_uri(large_image(kind), kind)}}
        body = {"input": [{"content": [part]}] * count}
        content = json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        return _all([lambda: _ask(target, "POST", "/v1/embeddings", content=content, headers=headers)] * 2)

    return send


def _documents(target: Target) -> Statuses:
    documents = [{"image": data_uri(other_image(number))} for number in range(6)]
    return _all([lambda: _ask(target, "POST", "/v1/rerank", json={"query": "a mug", "documents": documents})] * 2)


def _product(target: Target) -> Statuses:
    images = [{"data": data_uri(other_image(100 + number))} for number in range(32)]
    body = {"id": f"{LARGE}many", "title": "large", "images": images}
    return _all([lambda: _ask(target, "PUT", "/v1/products", json=body)])


def _reranked(target: Target) -> Statuses:
    count = len(target.products)
    body = {
        "text": "large",
        "filter": {"category": {"eq": "large"}},
        "limit": count,
        "rerank": {"candidates": count, "deadline_ms": 60_000},
    }
    return _all([lambda: _ask(target, "POST", "/v1/search", json=body)] * 2)


def _reranked_from_originals(target: Target) -> Statuses:
    _forget_renditions(target)
    return _reranked(target)


def _forget_renditions(target: Target) -> None:
    for folder in target.images.glob("renditions-*"):
        shutil.rmtree(folder)


def _thumbnails(target: Target) -> Statuses:
    _forget_renditions(target)
    product = httpx.get(f"{target.url}/v1/products/{target.products[0]}", timeout=PATIENCE_S).json()
    return _all([lambda: _ask(target, "GET", f"{product['image_url']}?size=512")] * 24)


def _ask(target: Target, method: str, path: str, **options: Any) -> str:
    try:
        return str(httpx.request(method, f"{target.url}{path}", timeout=PATIENCE_S, **options).status_code)
    except httpx.TransportError:
        return "none"


def _all(calls: Sequence[Callable[[], str]]) -> Statuses:
    """All at the same time."""
    with ThreadPoolExecutor(len(calls)) as pool:
        return Counter(one.result() for one in [pool.submit(call) for call in calls])


def _headers(target: Target) -> Statuses:
    """64 MiB of headers on each connection, as long as they are taken."""
    block = b"X-Pad: " + b"a" * 65_000 + b"\r\n"
    start = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    return _all([lambda: _status(_connect(target), [start, *[block] * 1000])] * 32)


def _half_bodies(target: Target) -> Statuses:
    """They send a half and wait for an answer, which comes when the time for the body is over."""
    half = [_json_head("/v1/search", 2**24), *[b" " * 2**20] * 8]
    return _all([lambda: _status(_connect(target), half)] * 234)


def _streams(target: Target) -> Statuses:
    """Each asks for the most results there are and reads nothing for a while."""
    body = json.dumps({"text": "a mug", "limit": 100, "rerank": {"enabled": False}}).encode()
    with ExitStack() as stack:
        connections = [stack.enter_context(_connect(target)) for _ in range(64)]
        for connection in connections:
            connection.sendall(_json_head("/v1/search/stream", len(body)) + body)
        return Counter(_status(connection, []) for connection in connections)


def _json_head(path: str, length: int) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json", f"Content-Length: {length}"]
    return "\r\n".join([*lines, "", ""]).encode()


def _connect(target: Target) -> socket.socket:
    address = urlsplit(target.url)
    return socket.create_connection((str(address.hostname), address.port or 80), timeout=PATIENCE_S)


def _status(connection: socket.socket, blocks: Iterable[bytes]) -> str:
    """Send, then read the status that came; what was sent too much may have cut the answer off."""
    with connection:
        with suppress(OSError):
            for block in blocks:
                connection.sendall(block)
        try:
            head = connection.recv(100)
        except OSError:
            return "none"
    return head.split()[1].decode() if head.startswith(b"HTTP/") else "none"

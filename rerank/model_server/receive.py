"""A reply, from the wire to JSON: bounded in bytes, never unpacked."""

import json

import httpx

from rerank.errors import EngineError

__all__ = ["MAX_REPLY_BYTES", "is_packed", "parse", "receive"]

MAX_REPLY_BYTES = 4 * 2**20
"""Largest reply of a chat that is read: 64 KiB of text are used, and JSON may need six bytes for one."""


def is_packed(response: httpx.Response) -> bool:
    """Whether the body is compressed."""
    return bool(response.headers.get("Content-Encoding", "identity") != "identity")


async def receive(response: httpx.Response, limit: int = MAX_REPLY_BYTES) -> bytes:
    """The body as it came over the wire: bounded, and not decompressed (a bomb stays compressed)."""
    if is_packed(response):
        raise EngineError("the model server compressed its reply although it was asked not to")
    body = bytearray()
    async for packet in response.aiter_raw():
        body += packet
        if len(body) > limit:
            raise EngineError(f"the model server's reply is longer than {limit} bytes")
    return bytes(body)


def parse(reply: bytes) -> object:
    """Parse a reply, whatever its content type says."""
    try:
        parsed: object = json.loads(reply)
    except (ValueError, RecursionError) as error:
        raise EngineError("the model server's reply is not JSON") from error
    return parsed

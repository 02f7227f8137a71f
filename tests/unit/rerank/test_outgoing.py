"""Outgoing calls against peers that never come to an end: the call ends, and its connection is closed."""

from __future__ import annotations

import asyncio
import ssl
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

import httpx
import pytest
import trustme

from rerank.cancellation import Cancellation, Cancelled, current_cancellation
from rerank.outgoing import call_until, handshake_guard
from tests.endless_peers import DRIPS, endless_peer

SOON_S = 0.2
NEVER_S = 600.0


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Signs the certificate of the peers."""
    return trustme.CA()


@pytest.fixture(scope="module")
def server_tls(authority: trustme.CA) -> ssl.SSLContext:
    """TLS of a peer on this machine."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


@pytest.fixture(scope="module")
def client_tls(authority: trustme.CA) -> ssl.SSLContext:
    """TLS that trusts that peer."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def get(url: str, tls: ssl.SSLContext) -> Callable[[], Coroutine[Any, Any, bytes]]:
    """A call without any time-out of its own."""

    async def call() -> bytes:
        async with httpx.AsyncClient(verify=tls, timeout=None, trust_env=False) as client:
            return (await client.get(url, extensions=handshake_guard())).content

    return call


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("drip", DRIPS)
def test_a_peer_without_end_is_left_at_the_deadline(
    drip: str, scheme: str, server_tls: ssl.SSLContext, client_tls: ssl.SSLContext
) -> None:
    with endless_peer(*DRIPS[drip], server_tls if scheme == "https" else None) as peer:
        with pytest.raises(TimeoutError):
            call_until(time.monotonic() + SOON_S, get(f"{scheme}://{peer.address}/", client_tls))
        assert peer.asked.is_set() and peer.closed.wait(30)


def test_a_handshake_that_never_ends_is_left_too(client_tls: ssl.SSLContext) -> None:
    with endless_peer(*DRIPS["silent"]) as peer:
        with pytest.raises(TimeoutError):
            call_until(time.monotonic() + SOON_S, get(f"https://{peer.address}/", client_tls))
        assert peer.closed.wait(30)


def test_a_call_whose_caller_has_gone_is_cut(client_tls: ssl.SSLContext) -> None:
    cancellation = Cancellation()
    context = copy_context()
    context.run(current_cancellation.set, cancellation)
    with endless_peer(*DRIPS["headers"]) as peer, ThreadPoolExecutor(1) as pool:
        call = get(f"http://{peer.address}/", client_tls)
        called = pool.submit(context.run, lambda: call_until(time.monotonic() + NEVER_S, call))
        assert peer.asked.wait(30)
        cancellation.cancel()
        with pytest.raises(Cancelled):
            called.result(30)
        assert peer.closed.wait(30)


def test_nothing_is_begun_for_a_caller_that_has_gone_or_after_the_deadline() -> None:
    begun = threading.Event()

    async def call() -> None:
        await asyncio.sleep(0)
        begun.set()

    cancellation = Cancellation()
    cancellation.cancel()
    context = copy_context()
    context.run(current_cancellation.set, cancellation)
    with pytest.raises(Cancelled):
        context.run(call_until, time.monotonic() + NEVER_S, call)
    with pytest.raises(TimeoutError):
        call_until(time.monotonic() - 1, call)
    assert not begun.is_set()


def test_results_and_errors_come_back() -> None:
    async def two() -> int:
        return 2

    async def breaks() -> int:
        raise LookupError("nothing there")

    assert call_until(time.monotonic() + NEVER_S, two) == 2
    with pytest.raises(LookupError, match="nothing there"):
        call_until(time.monotonic() + NEVER_S, breaks)

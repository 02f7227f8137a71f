"""One client of a chaos run: every request is noted with its time and outcome, and none waits forever."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import httpx

PATIENCE_S = 60.0
"""Longer than any start: a request that waits at the door of a service that starts is answered, not given up."""

THINK_S = 0.05
LOST_PAUSE_S = 0.2


@dataclass(frozen=True, slots=True)
class Seen:
    """One request: its kind of work, its route as the OpenAPI document names it, and how it ended.

    `status` is None if there was no answer; `good` is what a caller hopes for: done and not degraded, or
    404 for a product that another request has deleted.
    """

    kind: str
    route: str
    began: float
    ended: float
    status: int | None
    problem: str
    good: bool


@dataclass
class Notes:
    """What all clients have seen; `doubled` are answers that hold a product twice."""

    seen: list[Seen] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    torn: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


class Caller:
    """Sends requests one at a time."""

    def __init__(self, url: str, notes: Notes, seed: int) -> None:
        self.random = random.Random(seed)
        self.notes = notes
        self._http = httpx.Client(base_url=url, timeout=PATIENCE_S, trust_env=False)

    def ask(
        self,
        kind: str,
        route: str,
        path: str | None = None,
        *,
        good: Callable[[httpx.Response], bool] = lambda answer: answer.is_success,
        **options: Any,
    ) -> httpx.Response | None:
        """The answer, None if the connection broke; `route` is like `GET /v1/products/{product_id}`."""
        method, _, template = route.partition(" ")
        began, answer = time.monotonic(), None
        with suppress(httpx.TransportError):
            answer = self._http.request(method, path or template, **options)
        self.notes.seen.append(_seen(kind, route, began, answer, good))
        if answer is None:
            time.sleep(LOST_PAUSE_S)
        elif "Retry-After" in answer.headers:
            time.sleep(min(float(answer.headers["Retry-After"]), 2.0))
        return answer

    def close(self) -> None:
        """Close the connections."""
        self._http.close()


def _seen(
    kind: str, route: str, began: float, answer: httpx.Response | None, good: Callable[[httpx.Response], bool]
) -> Seen:
    if answer is None:
        return Seen(kind, route, began, time.monotonic(), None, "", False)
    is_good = answer.status_code == HTTPStatus.NOT_FOUND or (answer.is_success and good(answer))
    return Seen(kind, route, began, time.monotonic(), answer.status_code, problem_of(answer), is_good)


def problem_of(answer: httpx.Response) -> str:
    """The type of the problem document; `no problem document` for an error of another shape."""
    if answer.is_success:
        return ""
    try:
        kind = str(answer.json()["type"])
    except (ValueError, KeyError, TypeError):
        return "no problem document"
    is_ours = answer.headers["Content-Type"] == "application/problem+json"
    return kind.removeprefix("urn:withthis:problem:") if is_ours else "no problem document"


def run_until(over: threading.Event, caller: Caller, step: Callable[[Caller], None]) -> None:
    """One client: a step after the other, with a breath between them."""
    while not over.wait(THINK_S):
        step(caller)

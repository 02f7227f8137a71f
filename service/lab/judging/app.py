"""The judging page, and its routes."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

from litestar import Controller, Litestar, Response, delete, get, put
from litestar.datastructures import CacheControlHeader, MutableScopeHeaders, State
from litestar.di import NamedDependency, Provide
from litestar.params import JSONBody, PathParameter, QueryParameter
from litestar.static_files import create_static_files_router
from litestar.types import Message, Scope
from pydantic import BaseModel, ConfigDict, Field

from service.lab.judging.notes import MAX_NOTE
from service.lab.judging.pool import Pair
from service.lab.judging.session import Session, Side, image_of
from service.lab.lab_errors import UnknownGrade, UnknownPair
from service.server.access.auth import LOOPBACK
from service.server.access.origin import OwnPagesOnly, in_header
from service.server.page.page import STATIC
from service.server.problems import EXCEPTION_HANDLERS

_OWN = Path(__file__).parent / "static"
_MAX_BODY_BYTES = 16_000
ELSEWHERE = "Open the URL that `withthis judge` printed, and judge there."

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",  # another pool may be served at this URL tomorrow
}

Number = Annotated[int, PathParameter(description="position of the pair in the pool, from 0")]


class Judgment(BaseModel):
    """A judgment of a pair."""

    model_config = ConfigDict(extra="forbid")

    grade: int
    note: Annotated[str, Field(max_length=MAX_NOTE)] = ""


@get("/", include_in_schema=False, sync_to_thread=False)
def page() -> Response[bytes]:
    """The page."""
    return Response((_OWN / "judge.html").read_bytes(), media_type="text/html")


@get("/pool", sync_to_thread=False)
def pool(session: NamedDependency[Session]) -> dict[str, Any]:
    """The pool, its scale, and the progress."""
    return {
        "name": session.name,
        "judge": session.judge_name,
        "file": str(session.record.path),
        "scale": [asdict(point) for point in session.scale],
        "guidelines": session.guidelines,
        **asdict(session.progress()),
    }


class PairController(Controller):
    """One pair of query and product; nothing here reveals which run found it."""

    path = "/pairs/{number:int}"

    @get(sync_to_thread=False)
    def show(self, session: NamedDependency[Session], number: Number) -> dict[str, Any]:
        """The pair and its grade; images have routes of their own."""
        pair = _pair(session, number)
        place, queries = session.query_place(pair)
        query, document = pair.query, pair.document
        note, suggestion = session.record.note(pair.ids), session.suggestion(pair)
        return {
            "number": number,
            "query": {"text": query.text, "image": query.image is not None, "place": place, "queries": queries},
            "product": {
                "title": document.title,
                "text": document.description,
                "category": document.category,
                "image": document.image is not None,
            },
            "grade": session.record.grade(pair.ids),
            "note": "" if note is None else note.note,
            "suggestion": None if suggestion is None else asdict(suggestion),
        }

    @get("/image", sync_to_thread=True)
    def image(
        self,
        session: NamedDependency[Session],
        number: Number,
        side: Annotated[Side, QueryParameter(description="whose image")],
    ) -> Response[bytes]:
        """The image of the query or of the product."""
        return Response(image_of(_pair(session, number), side), media_type="image/webp")

    @put("/grade", sync_to_thread=True)
    def judge(self, session: NamedDependency[Session], number: Number, data: JSONBody[Judgment]) -> dict[str, Any]:
        """Judge the pair, or judge it again. It is on disk when this answers."""
        pair = _pair(session, number)
        if data.grade not in {point.grade for point in session.scale}:
            raise UnknownGrade
        session.judge(pair, data.grade, data.note)
        return asdict(session.progress(number))

    @delete("/grade", status_code=200, sync_to_thread=True)
    def forget(self, session: NamedDependency[Session], number: Number) -> dict[str, Any]:
        """Undo the judgment."""
        session.forget(_pair(session, number))
        return asdict(session.progress(number - 1))


def create_judging_app(session: Session, *, port: int, host: str = "127.0.0.1") -> Litestar:
    """The application for one session, for requests to this port under the address `host` or of this machine."""
    return Litestar(
        route_handlers=[
            page,
            pool,
            PairController,
            create_static_files_router(
                path="/static", directories=[_OWN, STATIC], cache_control=CacheControlHeader(no_store=True)
            ),
        ],
        dependencies={"session": Provide(lambda: session, sync_to_thread=False)},
        state=State(),
        guards=[OwnPagesOnly(_names(port, host), detail=ELSEWHERE)],
        exception_handlers=EXCEPTION_HANDLERS,
        before_send=[_add_headers],
        request_max_body_size=_MAX_BODY_BYTES,
        openapi_config=None,
        logging_config=None,
    )


def _names(port: int, host: str) -> set[str]:
    """The host names of this port; a browser omits the default port of http."""
    names = {in_header(name) for name in (*LOOPBACK, host.lower())}
    return {f"{name}:{port}" for name in names} | (names if port == 80 else set())


def _pair(session: Session, number: int) -> Pair:
    pair = session.pair(number)
    if pair is None:
        raise UnknownPair
    return pair


async def _add_headers(message: Message, scope: Scope) -> None:
    """On every answer, errors and static files too."""
    if message["type"] == "http.response.start":
        headers = MutableScopeHeaders.from_message(message)
        for name, value in _HEADERS.items():
            headers[name] = value

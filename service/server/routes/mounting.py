"""Mounts the routes of a catalog: below `/v1` for the default one, below `/v1/catalogs/{catalog}` for each by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated

from litestar import Router
from litestar.datastructures import State
from litestar.di import NamedDependency, Provide
from litestar.params import PathParameter
from litestar.types import ControllerRouterHandler

from service.search.online.evaluation import OnlineEvaluation
from service.server.catalog import Catalog
from service.server.routes.deletions import DeletionController
from service.server.routes.exports import ExportController
from service.server.routes.feedback import FeedbackController
from service.server.routes.images import ImageController
from service.server.routes.mcp import McpController
from service.server.routes.products import ProductController
from service.server.routes.rules import RulesController
from service.server.routes.search import SearchController
from service.server.routes.search_batch import SearchBatchController
from service.server.routes.search_halves import SearchHalves
from service.server.state import ServiceState

OF_A_CATALOG = (
    SearchController,
    SearchBatchController,
    FeedbackController,
    RulesController,
    ImageController,
    DeletionController,
    ExportController,
)
"""What is about one catalog. Handlers take it as `parts`, their paths begin behind `/v1`."""


def catalog_routers(max_feed_bytes: int, *, with_mcp: bool) -> list[Router]:
    """The routes of the default catalog, and the same ones by the name of any catalog."""
    # A layer of its own: each line of a stream of products is bounded by max_body_bytes.
    products = Router("/", route_handlers=[ProductController], request_max_body_size=max_feed_bytes)
    tools = [McpController] if with_mcp else []
    return [
        _mounted("/v1", _default, [*OF_A_CATALOG, products]),
        _mounted("/v1/catalogs/{catalog:str}", _named, [*OF_A_CATALOG, products, *tools]),
        *([_mounted("/", _default, tools)] if with_mcp else []),
    ]


def _mounted(path: str, provide: Callable[..., Catalog], handlers: Sequence[ControllerRouterHandler]) -> Router:
    return Router(
        path,
        route_handlers=handlers,
        dependencies={
            "parts": Provide(provide, sync_to_thread=False),
            "online": Provide(_online, sync_to_thread=False),
            "halves": Provide(_halves, sync_to_thread=False),
        },
    )


def _default(state: State) -> Catalog:
    service: ServiceState = state.service
    return service.default


def _named(
    state: State, catalog: Annotated[str, PathParameter(description="the catalog's name", max_length=40)]
) -> Catalog:
    service: ServiceState = state.service
    return service.catalogs[catalog]  # the guard has let in those alone that exist


def _online(state: State, parts: NamedDependency[Catalog]) -> OnlineEvaluation:
    found: OnlineEvaluation = state.online[parts.name]
    return found


def _halves(state: State, parts: NamedDependency[Catalog]) -> SearchHalves:
    """All that a search takes, as one dependency: Litestar starts a task for each of several."""
    return SearchHalves(parts, state.defaults, state.bulkheads, state.metrics, state.online[parts.name])

"""Composed product search: an image and a sentence in; a complete, explained ranking of products out.

A client of a running service, and the models of its requests and responses:

    from withthis import Client

    with Client("http://127.0.0.1:8000", api_key="wt_…") as shop:
        answer = shop.search("a phone case with this", image=Path("leopard.webp"), filter={"price": {"lte": 30}})

Importing this package loads no model, no vector store and no HTTP client; these come with the first name that is used.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from service.client import (
        AnswerError,
        AsyncClient,
        BusyError,
        Client,
        ClientError,
        ConnectionFailedError,
        Health,
        InvalidRequestError,
        KeyRefusedError,
        NotFoundError,
        ProblemError,
        RetryPolicy,
        ServiceFaultError,
        StreamedAnswer,
        UnavailableError,
    )
    from service.wire.compatible import DocumentsOut, EmbeddingsOut
    from service.wire.feedback import FeedbackBody, FeedbackOut
    from service.wire.products import (
        DeletionOut,
        ItemOut,
        ProductBody,
        ProductPageOut,
        ProductPatch,
        PutOut,
        StoredProductOut,
    )
    from service.wire.query_images import CropBody, ImageBody, WeightedImageBody
    from service.wire.rules import RuleBody, RulesBody
    from service.wire.search import ProductOut, RerankBody, RerankOut, ResultOut, SearchBody, SearchOut
    from service.wire.search_batch import SearchBatchBody, SearchBatchOut, SearchOutcomeOut
    from service.wire.search_options import SearchOptionsOut

try:
    __version__ = version("withthis")
except PackageNotFoundError:  # a checkout that is not installed
    __version__ = "0"

__all__ = [
    "AnswerError",
    "AsyncClient",
    "BusyError",
    "Client",
    "ClientError",
    "ConnectionFailedError",
    "CropBody",
    "DeletionOut",
    "DocumentsOut",
    "EmbeddingsOut",
    "FeedbackBody",
    "FeedbackOut",
    "Health",
    "ImageBody",
    "InvalidRequestError",
    "ItemOut",
    "KeyRefusedError",
    "NotFoundError",
    "ProblemError",
    "ProductBody",
    "ProductOut",
    "ProductPageOut",
    "ProductPatch",
    "PutOut",
    "RerankBody",
    "RerankOut",
    "ResultOut",
    "RetryPolicy",
    "RuleBody",
    "RulesBody",
    "SearchBatchBody",
    "SearchBatchOut",
    "SearchBody",
    "SearchOptionsOut",
    "SearchOut",
    "SearchOutcomeOut",
    "ServiceFaultError",
    "StoredProductOut",
    "StreamedAnswer",
    "UnavailableError",
    "WeightedImageBody",
    "__version__",
]

_MODULES = (
    "service.client",
    "service.wire.search",
    "service.wire.query_images",
    "service.wire.products",
    "service.wire.compatible",
    "service.wire.feedback",
    "service.wire.rules",
    "service.wire.search_batch",
    "service.wire.search_options",
)


def __getattr__(name: str) -> Any:
    """Load a public name on first use (PEP 562)."""
    if name in __all__:
        for module in map(import_module, _MODULES):
            if hasattr(module, name):
                return globals().setdefault(name, getattr(module, name))
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

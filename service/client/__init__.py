"""A typed client of the HTTP API, for programs that use a running service:

    from withthis import Client

    with Client("http://127.0.0.1:8000", api_key="wt_…") as shop:
        answer = shop.search("a phone case with this", image=Path("leopard.webp"), filter={"price": {"lte": 30}})

`AsyncClient` has the same methods as coroutines. Importing this package imports no torch, no transformers and
no pymilvus.
"""

from service.client.asynchronous import AsyncClient
from service.client.errors import (
    AnswerError,
    BusyError,
    ClientError,
    ConnectionFailedError,
    InvalidRequestError,
    KeyRefusedError,
    NotFoundError,
    ProblemError,
    ServiceFaultError,
    UnavailableError,
)
from service.client.events import StreamedAnswer
from service.client.retry import RetryPolicy
from service.client.searches import Health
from service.client.synchronous import Client
from service.wire.compatible import DocumentsOut, EmbeddingsOut
from service.wire.products import ItemOut, ProductPageOut, StoredProductOut
from service.wire.search import ProductOut, ResultOut, SearchOut
from service.wire.search_options import SearchOptionsOut

__all__ = [
    "AnswerError",
    "AsyncClient",
    "BusyError",
    "Client",
    "ClientError",
    "ConnectionFailedError",
    "DocumentsOut",
    "EmbeddingsOut",
    "Health",
    "InvalidRequestError",
    "ItemOut",
    "KeyRefusedError",
    "NotFoundError",
    "ProblemError",
    "ProductOut",
    "ProductPageOut",
    "ResultOut",
    "RetryPolicy",
    "SearchOptionsOut",
    "SearchOut",
    "ServiceFaultError",
    "StoredProductOut",
    "StreamedAnswer",
    "UnavailableError",
]

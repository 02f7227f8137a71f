"""Calls to servers that run models: JSON over HTTP, before a deadline, whatever the server does.

`client` sends a request and tries again after the `pauses` it should make, `receive` takes the reply off the wire,
`breaker` stops asking a server that fails again and again, `side_by_side` makes several calls at once, and `data_uri`
writes an image into a body. Chat completions, rerankers and embeddings share all of it.
"""

from rerank.model_server.breaker import Breaker
from rerank.model_server.client import ModelServer
from rerank.model_server.data_uri import data_uri
from rerank.model_server.side_by_side import side_by_side

__all__ = ["Breaker", "ModelServer", "data_uri", "side_by_side"]

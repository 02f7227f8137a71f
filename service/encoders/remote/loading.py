"""From settings to an encoder behind a server."""

from __future__ import annotations

from rerank.model_server.breaker import Breaker
from rerank.model_server.client import ModelServer
from service.encoders.encoder import Encoder
from service.encoders.options import EncoderOptions, Instructions
from service.encoders.remote.dialects import DIALECTS, Wanted
from service.encoders.remote.embedding_client import RemoteEncoder
from service.errors import ConfigurationError

__all__ = ["load_remote"]

_MOST_BYTES = 64 * 2**20
"""Largest reply that is read: a thousand vectors of 2,048 numbers."""


def load_remote(options: EncoderOptions) -> Encoder:
    """Connect to the server that the settings name.

    Raises:
        ConfigurationError: URL or model are missing or malformed, or a key that no header can carry.
        EmbeddingServerUnavailable, EmbeddingRefused: the server does not answer, or not with embeddings.
    """
    if options.url is None or options.model is None:
        raise ConfigurationError(
            "The encoder remote needs WITHTHIS_ENCODER_URL (like http://127.0.0.1:8001/v1) and WITHTHIS_ENCODER_MODEL "
            "(the model's name on that server)."
        )
    dialect = DIALECTS[options.dialect]
    if not dialect.instructs and options.instructions != Instructions():
        raise ConfigurationError(
            f"The dialect {options.dialect} has no place for an instruction: it says query or document by itself. "
            "Leave WITHTHIS_ENCODER_QUERY_INSTRUCTION and WITHTHIS_ENCODER_DOCUMENT_INSTRUCTION out."
        )
    try:
        server = ModelServer(
            options.url,
            api_key=options.api_key,
            concurrency=options.concurrency,
            breaker=Breaker(),
            max_reply_bytes=_MOST_BYTES,
        )
    except ValueError as error:
        raise ConfigurationError(
            "WITHTHIS_ENCODER_URL must be an http or https URL without a password, and WITHTHIS_ENCODER_API_KEY "
            "plain characters."
        ) from error
    try:
        return RemoteEncoder(
            server,
            dialect,
            Wanted(options.model, options.dimensions),
            name=f"remote/{options.model}",
            instructions=options.instructions,
            text_weight=options.text_weight,
            batch=options.batch,
            parallel=options.concurrency,
            timeout_s=options.timeout_s,
        )
    except BaseException:
        server.close()
        raise

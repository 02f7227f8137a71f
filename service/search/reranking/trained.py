"""The trained reranker of the strategy `reranker`: in this process, or behind a server."""

from __future__ import annotations

from collections.abc import Callable

from rerank.errors import EngineError
from rerank.scorers.scorer import PairScorer
from service.encoders.device import resolve_device, resolve_dtype
from service.errors import ConfigurationError
from service.search.reranking.trained_options import TrainedOptions

TWO = (
    "Set WITHTHIS_RERANKER_PATH or WITHTHIS_RERANKER_URL, not both: the one runs the reranker here, the other asks a "
    "server."
)
NO_MODEL = "WITHTHIS_RERANKER_URL needs WITHTHIS_RERANKER_MODEL, the reranker's name on that server."
NO_PACKAGE = "WITHTHIS_RERANKER_PATH needs sentence-transformers: pip install 'withthis[sentence-transformers]'."
NO_FILES = (
    "The reranker's files are missing or damaged. Correct WITHTHIS_RERANKER_PATH: a folder, or a name on the hub, such "
    "as Qwen/Qwen3-VL-Reranker-2B."
)
BAD_URL = (
    "WITHTHIS_RERANKER_URL must be an http or https URL without a password, and WITHTHIS_RERANKER_API_KEY plain "
    "characters."
)


def load_trained(options: TrainedOptions) -> tuple[PairScorer, Callable[[], None]] | None:
    """The reranker, and what closes it; None if there is none. Raises ConfigurationError."""
    if options.path is not None and options.url is not None:
        raise ConfigurationError(TWO)
    if options.path is not None:
        return _in_process(options, options.path), lambda: None
    return None if options.url is None else _remote(options, options.url)


def _in_process(options: TrainedOptions, path: str) -> PairScorer:
    from rerank.scorers.cross_encoder import CrossEncoderScorer  # noqa: PLC0415 (brings torch's model classes)

    device = resolve_device(options.device)
    dtype = str(resolve_dtype(options.dtype, device)).removeprefix("torch.")
    try:
        return CrossEncoderScorer.load(
            path, revision=options.revision, device=str(device), dtype=dtype, batch=options.batch
        )
    except ImportError as error:
        raise ConfigurationError(NO_PACKAGE) from error
    except OSError as error:
        raise ConfigurationError(NO_FILES) from error
    except EngineError as error:  # its message is our own
        raise ConfigurationError(f"WITHTHIS_RERANKER_PATH cannot be used. {error}") from error


def _remote(options: TrainedOptions, url: str) -> tuple[PairScorer, Callable[[], None]]:
    from rerank.model_server.breaker import Breaker  # noqa: PLC0415
    from rerank.model_server.client import ModelServer  # noqa: PLC0415
    from rerank.scorers.remote import RemoteScorer  # noqa: PLC0415

    if options.model is None and options.dialect != "tei":  # which serves one model, and is not told its name
        raise ConfigurationError(NO_MODEL)
    try:
        server = ModelServer(
            url,
            api_key=options.api_key,
            concurrency=options.concurrency,
            retries=options.retries,
            breaker=Breaker(),
        )
    except ValueError as error:
        raise ConfigurationError(BAD_URL) from error
    scorer = RemoteScorer(
        server,
        dialect=options.dialect,
        model=options.model or "tei",
        batch=options.batch,
        parallel=options.concurrency,
    )
    return scorer, scorer.close

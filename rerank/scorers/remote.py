"""A trained reranker behind a server, asked in one of the `dialects`."""

from collections.abc import Sequence

from rerank.model_server.client import ModelServer
from rerank.model_server.data_uri import data_uri
from rerank.model_server.side_by_side import side_by_side
from rerank.scorers.dialects import DIALECTS, Asked, DialectName, WrittenSide
from rerank.scorers.scorer import ScorerInfo, Side, checked_scores

__all__ = ["RemoteScorer"]

BATCH = 16
"""Documents of one request."""


class RemoteScorer:
    """A server as a `PairScorer`; threads may share it.

    Documents beyond `batch` go into further requests, of which up to `parallel` are in progress for one call: scores do
    not depend on the other documents, and a request with hundreds of images would be refused.
    """

    def __init__(
        self, server: ModelServer, *, dialect: DialectName, model: str, batch: int = BATCH, parallel: int = 8
    ) -> None:
        self._server, self._model, self._batch, self._parallel = server, model, batch, parallel
        self._dialect = DIALECTS[dialect]
        known = self._dialect
        self._info = ScorerInfo(f"{dialect}/{model}", known.query, known.documents, known.instructable)

    @property
    def info(self) -> ScorerInfo:
        """What the dialect can say."""
        return self._info

    def score(
        self, query: Side, documents: Sequence[Side], instruction: str, deadline: float | None = None
    ) -> list[float]:
        """See `PairScorer.score`."""
        written = _written(query)

        def ask(batch: Sequence[Side]) -> list[float]:
            asked = Asked(self._model, written, [_written(one) for one in batch], instruction)
            reply = self._server.post(self._dialect.path, self._dialect.body(asked), deadline)
            return checked_scores(self._dialect.read(reply, len(batch)), len(batch))

        batches = [documents[start : start + self._batch] for start in range(0, len(documents), self._batch)]
        return [score for scores in side_by_side(ask, batches, self._parallel) for score in scores]

    def close(self) -> None:
        """Close the connections."""
        self._server.close()


def _written(side: Side) -> WrittenSide:
    return WrittenSide(side.text, data_uri(side.image) if side.image else None)

"""The online evaluation component: the search log, feedback, and which searches are interleaved."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from service.encoders.encoder import EncoderInfo
from service.errors import ConfigurationError, FeedbackOff, InvalidValue, Overloaded
from service.search.online.feedback import Feedback
from service.search.online.log_file import LogFile
from service.search.online.log_writer import LogWriter, Result
from service.search.online.recent import RecentAnswers
from service.search.online.rival import Rival
from service.search.online.search_entry import search_entry
from service.search.reranking.stage import RerankStage
from service.search.types import RerankOptions, SearchRequest, SearchResponse

logger = logging.getLogger(__name__)

NOT_SHOWN = "This product was not in that answer. Send the id of a product from the answer."


@dataclass(frozen=True, slots=True)
class OnlineOptions:
    """What the settings say. `folder` of the log, None for no log; `share` of searches that are interleaved with the
    `rival`; `reranked`: whether searches are reranked that do not say.
    """

    folder: Path | None
    with_text: bool
    feedback: bool
    rival: Rival | None
    share: float
    reranked: bool
    retry_after_s: int


class OnlineEvaluation:
    """Does nothing unless configured. No method waits for the disk except `close`."""

    def __init__(self, options: OnlineOptions, count: Callable[[Result, int], None]) -> None:
        """`count`: see `LogWriter`. Raises ConfigurationError for a folder that cannot be written to."""
        self._writer = LogWriter(LogFile(options.folder), count) if options.folder is not None else None
        self._with_text = options.with_text
        self._takes_feedback = options.feedback
        self._retry_after_s = options.retry_after_s
        self._rival = rival_options(options.rival) if options.rival else None
        self._share = options.share
        self._usual = RerankOptions(enabled=options.reranked)
        self._recent = RecentAnswers()

    def start(self) -> None:
        """Start writing."""
        if self._writer is not None:
            self._writer.start()

    def close(self) -> None:
        """Write what is still queued."""
        if self._writer is not None:
            self._writer.close()

    def drawn(self, request: SearchRequest) -> SearchRequest:
        """The search unchanged or, for the configured share of traffic, with the second configuration.

        Searches that choose anything in `rerank` but a deadline are not changed: they get what they request.
        """
        if self._rival is None or request.keeps_order or random.random() >= self._share:
            return request
        if replace(request.rerank, deadline_ms=None) != self._usual:
            return request
        return replace(request, rival=replace(self._rival, deadline_ms=request.rerank.deadline_ms))

    def searched(self, request: SearchRequest, response: SearchResponse, encoder: EncoderInfo) -> None:
        """Log an answered search. Never fails."""
        if self._writer is None or response.trace is None:
            return
        try:
            entry = search_entry(request, response, response.trace, encoder, with_text=self._with_text)
        except Exception:  # the declared fault boundary: no search fails because of its log
            logger.exception("a search could not be logged")
        else:
            self._writer.put([entry])
        if self._takes_feedback:
            self._recent.add(response.id, (result.product.id for result in response.results))

    def received(self, events: Sequence[Feedback]) -> None:
        """Log feedback, all of it or none.

        Raises:
            FeedbackOff: this service takes none.
            InvalidValue: about a product that was not in the answer, if this process gave it recently.
            Overloaded: too many events are queued.
        """
        if self._writer is None or not self._takes_feedback:
            raise FeedbackOff
        wrong = [place for place, event in enumerate(events) if self._recent.lacked(event.query_id, event.product_id)]
        if wrong:
            raise InvalidValue(
                NOT_SHOWN, errors=[{"pointer": f"/{place}", "detail": NOT_SHOWN} for place in wrong[:20]]
            )
        if not self._writer.put([event.entry() for event in events]):
            raise Overloaded(retry_after_s=self._retry_after_s)


def rival_options(rival: Rival) -> RerankOptions:
    """The second configuration as rerank options."""
    return RerankOptions(
        enabled=rival.enabled,
        strategy=rival.strategy,
        prompt=rival.prompt,
        candidates=rival.candidates,
        fusion_weight=rival.fusion_weight,
        fusion_method=rival.fusion_method,
    )


def check_rival(rival: Rival, stage: RerankStage) -> None:
    """Refuse a second configuration that cannot be used here. Raises ConfigurationError."""
    try:
        stage.plan(rival_options(rival))
    except InvalidValue as error:
        raise ConfigurationError(f"WITHTHIS_INTERLEAVE cannot be used. {error.detail}") from error

"""The starter VLM as a rerank engine: bundled, on the CPU, constrained, with label scores."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from rerank.answer import ANSWER_PREFIX
from rerank.engines.engine import EngineInfo, EngineRequest, Generation
from rerank.engines.turn import Turns
from rerank.errors import EngineError, EngineTimeout
from rerank.lru_cache import LruCache
from rerank.permutation import PermutationSpec, PermutationState
from starter.vlm import Generated, Seen, StarterVLM

__all__ = ["StarterEngine"]


class StarterEngine:
    """Adapts `starter.vlm.StarterVLM` to the `Engine` protocol; threads may share it, and take turns.

    Images with a content hash are encoded once, as long as they are among the last `cache_size` used.
    """

    def __init__(self, vlm: StarterVLM, *, cache_size: int = 512) -> None:
        self._vlm = vlm
        self._turns = Turns()
        self._seen = LruCache[str, Seen](cache_size)
        self._info = EngineInfo(
            id="starter",
            layout="images",
            max_candidates=len(vlm.labels),
            label_scores=True,
            constrained=True,
            prompts={"caption": "caption-starter", "rank": "rank-starter"},  # it was not trained to match
            can_score=True,
        )

    @property
    def caches(self) -> Mapping[str, LruCache[str, Seen]]:
        """Cached image features, 75 KB each."""
        return {"seen": self._seen}

    @property
    def info(self) -> EngineInfo:
        """The starter's properties."""
        return self._info

    def generate(self, request: EngineRequest) -> Generation:
        """Caption the one image of a request without labels; rank the images of one with labels.

        Raises:
            EngineOverloaded: another call held the model until the deadline.
            EngineTimeout: the deadline passed while the model was running.
            EngineError: the request has images or labels that the starter cannot take.
        """
        with self._turn(request.deadline):
            answer = self._rank(request) if request.labels else self._caption(request)
        return Generation(
            answer.text,
            "stop" if answer.complete else "length",
            answer.label_scores,
            answer.prompt_tokens,
            answer.generated_tokens,
        )

    def score(self, requests: Sequence[EngineRequest]) -> list[tuple[float, ...]]:
        """The pointers to each request's candidates at the first ranking step; raises as `generate`."""
        return [self._scored(request) for request in requests]

    @contextmanager
    def _turn(self, deadline: float | None) -> Iterator[None]:
        """Exclusive use of the model, with its errors converted to engine errors."""
        with self._turns.take(deadline):
            try:
                yield
            except TimeoutError as error:
                raise EngineTimeout("the deadline passed while the starter was working") from error
            except ValueError as error:
                raise EngineError(str(error)) from error

    def _caption(self, request: EngineRequest) -> Generated:
        (picture,) = self._see(request)
        return self._vlm.caption(picture, max_new_tokens=request.max_new_tokens, deadline=request.deadline)

    def _rank(self, request: EngineRequest) -> Generated:
        count = len(request.labels)
        query, candidates = self._shown(request)
        prefix, separator, suffix = self._vlm.scaffold
        labels = self._vlm.vocabulary.label_ids[:count]
        state = PermutationState(PermutationSpec((prefix,), labels, (separator,), (suffix,)))
        return self._vlm.rank(
            request.prompt,
            query,
            candidates,
            allowed_next=state.allowed_next,
            max_new_tokens=request.max_new_tokens,
            deadline=request.deadline,
        )

    def _scored(self, request: EngineRequest) -> tuple[float, ...]:
        if not request.labels or request.answer_prefix != ANSWER_PREFIX:
            raise EngineError("the starter only scores the candidates of a rank task")
        with self._turn(request.deadline):
            return self._vlm.score(request.prompt, *self._shown(request), deadline=request.deadline)

    def _shown(self, request: EngineRequest) -> tuple[Seen | None, list[Seen]]:
        """The query's image, if there is one, and those of the candidates."""
        seen, count = self._see(request), len(request.labels)
        query, candidates = seen[:-count], seen[-count:]
        return query[0] if query else None, candidates

    def _see(self, request: EngineRequest) -> list[Seen]:
        """Each image of the request; those that are not cached are encoded together."""
        keys = request.image_keys or (None,) * len(request.images)
        kept = [self._seen.get(key) if key else None for key in keys]
        new = [image for image, known in zip(request.images, kept, strict=True) if known is None]
        looked_at = iter(self._vlm.see(new, deadline=request.deadline) if new else ())
        seen = [next(looked_at) if known is None else known for known in kept]
        for key, known, one in zip(keys, kept, seen, strict=True):
            if key and known is None:
                self._seen.put(key, one)
        return seen

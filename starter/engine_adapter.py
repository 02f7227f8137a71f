"""The starter VLM as an engine: bundled, on the CPU, with label scores; its captions and reasons are measured facts."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from PIL.Image import Image

from rerank.answer import ANSWER_PREFIX
from rerank.engines.engine import EngineInfo, EngineRequest, Generation
from rerank.engines.features import FeatureForm
from rerank.engines.turn import Turns
from rerank.errors import EngineError, EngineTimeout
from rerank.lru_cache import LruCache
from starter.reasons import reason
from starter.vlm import Offer, Sight, StarterVLM

__all__ = ["StarterEngine"]


class StarterEngine:
    """Adapts `starter.vlm.StarterVLM` to the `Engine` protocol; threads may share it, and take turns.

    Nothing is decoded: an order is that of the label scores, each label the most likely of those left (Plackett 1975,
    Luce 1959). If most candidates are unlike the images that it was trained on, all scores are the same: it has
    nothing to say. Images with a content hash are encoded once, as long as they are among the last `cache_size` used,
    as a query or as a candidate; and never, if a request has their features.
    """

    def __init__(self, vlm: StarterVLM, *, cache_size: int = 512) -> None:
        self._vlm = vlm
        self._turns = Turns()
        self._queries = LruCache[str, Sight](cache_size)
        self._features = LruCache[str, bytes](cache_size)
        self._info = EngineInfo(
            id="starter",
            layout="images",
            max_candidates=len(vlm.labels),
            label_scores=True,
            constrained=True,
            prompts={"caption": "caption-starter", "rank": "rank-starter"},  # it has not learned to match
            can_score=True,
            reads_titles=False,
            fusion_weight=0.3,  # the best of development motifs; starter/README.md has what it does
            fusion_method="scores",
            instructable=False,
        )

    @property
    def caches(self) -> Mapping[str, LruCache[str, Any]]:
        """What was made of images: 85 KB of a query's, 10 KB of a candidate's."""
        return {"seen": self._queries, "features": self._features}

    @property
    def info(self) -> EngineInfo:
        """What the starter can do."""
        return self._info

    @property
    def features(self) -> FeatureForm:
        """See `FeatureExtractor.features`."""
        return self._vlm.features.form

    @property
    def feature_cache(self) -> LruCache[str, bytes]:
        """See `FeatureExtractor.feature_cache`."""
        return self._features

    def extract(self, images: Sequence[Image], *, deadline: float | None = None) -> list[bytes]:
        """See `FeatureExtractor.extract`; raises as `generate`."""
        with self._turn(deadline):
            return self._vlm.features.extract(images, deadline=deadline)

    def generate(self, request: EngineRequest) -> Generation:
        """Name what the one image of a request without labels shows; rank the images of one with labels.

        Raises:
            EngineOverloaded: another call held the model until the deadline.
            EngineTimeout: the deadline passed while the model was at work.
            EngineError: the request has images or labels that the starter cannot take.
        """
        with self._turn(request.deadline):
            return self._ranked(request) if request.labels else self._captioned(request)

    def score(self, requests: Sequence[EngineRequest]) -> list[tuple[float, ...]]:
        """The pointers to each request's candidates; raises as `generate`."""
        return [self._scored(request) for request in requests]

    @contextmanager
    def _turn(self, deadline: float | None) -> Iterator[None]:
        """A turn at the model, with its own errors as those of an engine."""
        with self._turns.take(deadline):
            try:
                yield
            except TimeoutError as error:
                raise EngineTimeout("the deadline passed while the starter was at work") from error
            except ValueError as error:
                raise EngineError(str(error)) from error

    def _captioned(self, request: EngineRequest) -> Generation:
        """The caption; no text where the namer is not sure. Raises EngineError unless there is one image."""
        if len(request.images) != 1:
            raise EngineError("the starter names what one image shows")
        return Generation(self._vlm.name(self._query(request)).caption or "", "stop")

    def _ranked(self, request: EngineRequest) -> Generation:
        query, candidates = self._shown(request)
        scored = self._vlm.score(request.prompt, query, candidates, deadline=request.deadline)
        if not self._vlm.knows(candidates):
            return Generation(json.dumps({"ranking": request.labels}), "stop", (0.0,) * len(candidates))
        order = sorted(range(len(candidates)), key=lambda place: -scored.scores[place])
        answer: dict[str, object] = {"ranking": [request.labels[place] for place in order]}
        if said := self._reason(query, candidates, scored.similarities, order[0]):
            answer["reason"] = said
        return Generation(json.dumps(answer), "stop", scored.scores)

    def _reason(self, query: Sight | None, candidates: Offer, similarities: Sequence[float], first: int) -> str | None:
        nearest = len(candidates) > 1 and similarities[first] == max(similarities)
        return reason(self._vlm.name(query) if query else None, candidates.named[first], nearest)

    def _scored(self, request: EngineRequest) -> tuple[float, ...]:
        if not request.labels or request.answer_prefix != ANSWER_PREFIX:
            raise EngineError("the starter scores the candidates of a rank task and nothing else")
        with self._turn(request.deadline):
            query, candidates = self._shown(request)
            scored = self._vlm.score(request.prompt, query, candidates, deadline=request.deadline)
            return scored.scores if self._vlm.knows(candidates) else (0.0,) * len(candidates)

    def _shown(self, request: EngineRequest) -> tuple[Sight | None, Offer]:
        """The query's image, if there is one, and the candidates. Raises EngineError for another number of images."""
        others = len(request.images) - len(request.labels)
        if others not in (0, 1):
            raise EngineError("the starter takes an image for each label, and one of the query before them")
        query = self._query(request) if others else None
        return query, self._vlm.features.read(self._offered(request))

    def _query(self, request: EngineRequest) -> Sight:
        """The first image of the request, as a query's."""
        key = request.image_keys[0] if request.image_keys else None
        seen = self._queries.get(key) if key else None
        if seen is None:
            (seen,) = self._vlm.see(request.images[:1], deadline=request.deadline)
            if key:
                self._queries.put(key, seen)
        return seen

    def _offered(self, request: EngineRequest) -> list[bytes]:
        """The features of the candidates; images that have none are looked at together."""
        count = len(request.labels)
        nothing = (None,) * count
        keys = request.image_keys[-count:] or nothing
        given = [
            features or (self._features.get(key) if key else None)
            for features, key in zip(request.features[-count:] or nothing, keys, strict=True)
        ]
        new = [image for image, features in zip(request.images[-count:], given, strict=True) if features is None]
        made = iter(self._vlm.features.extract(new, deadline=request.deadline) if new else ())
        found = [next(made) if features is None else features for features in given]
        for key, known, features in zip(keys, given, found, strict=True):
            if key and known is None:
                self._features.put(key, features)
        return found

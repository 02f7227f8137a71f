"""One query through one configuration, by the pipeline of the service."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from rerank.engines.features import FeatureForm
from service.errors import ImageNotFound, InvalidImage
from service.images.decode import DecodedImage, ImageLimits
from service.images.sources import UploadedImage
from service.lab.arrangements import Answers, arrangements
from service.lab.averaging import AveragingEncoder
from service.lab.configuration import Configuration
from service.lab.dataset_image import ImageRef
from service.lab.gallery import Shelf, lab_limits
from service.lab.judged import LabQuery
from service.lab.lab_errors import DataSetError
from service.lab.ledger import Ledger, new_ledger
from service.lab.outcomes import TRANSIENT, QueryOutcome
from service.search.hybrid import hybrid_options
from service.search.pipeline import BegunSearch, SearchPipeline
from service.search.types import RerankOptions, SearchRequest, SearchResponse
from service.stores.store import Hit, Vector

_Used = TypeVar("_Used")


@dataclass(frozen=True, slots=True)
class LabImages:
    """The images of a data set in place, instead of the catalog's: nothing is stored next to a data set."""

    images: Mapping[str, ImageRef]
    limits: ImageLimits

    def rendition(self, key: str) -> DecodedImage:
        """The decoded image. Raises ImageNotFound for an unknown key, or InvalidImage."""
        if key not in self.images:
            raise ImageNotFound
        return self.images[key].open(self.limits)

    def features(self, form: FeatureForm) -> None:
        """Nowhere."""


@dataclass(frozen=True, slots=True)
class Bench:
    """A configuration with everything that answers its queries."""

    configuration: Configuration
    pipeline: SearchPipeline
    encoder: AveragingEncoder
    shelf: Shelf
    k: int
    """Results of a query."""

    def measure(self, query: LabQuery) -> QueryOutcome:
        """Answer one query and its subset. Raises DataSetError for an image that cannot be used, and store errors."""
        with new_ledger() as ledger:
            self._vary(query)
            response = self._answer(query, query.gallery)
        subset = None if query.subset is None else self._answer(query, query.subset)
        return _outcome(query.id, response, subset, ledger, self._reranked(response))

    def query_vector(self, query: LabQuery) -> Vector:
        """The vector that a query is searched with, float32 [dimension]. Raises as `measure`."""
        self._vary(query)
        return self._vector(self.pipeline.begin(self._request(query)))

    def begun(self, query: LabQuery) -> BegunSearch:
        """The search with what may be found for it, not reranked. Raises as `measure`."""
        self._vary(query)
        return _with_hits(*self._found(query, query.gallery))

    def rearranged(self, query: LabQuery, orders: int, seed: int) -> tuple[Answers, bool]:
        """The candidates of a query as they are answered when they are shown in several orders, the first being that of
        retrieval, and whether the model server answered every time. An order without an answer that could be used is
        left out. Raises as `measure`.
        """
        self._vary(query)
        begun, hits = self._found(query, query.gallery)
        candidates = hits[: self.configuration.setup.candidates]
        shown = arrangements(candidates, orders, f"{seed} {query.id}")
        answered = [self.pipeline.finish(_with_hits(begun, each)) for each in shown]
        complete = all(response.rerank.degraded not in TRANSIENT for response in answered)
        return tuple(_ids(response) for response in answered if response.rerank.applied), complete

    def _answer(self, query: LabQuery, among: tuple[str, ...] | None) -> SearchResponse:
        begun, hits = self._found(query, among)
        return self.pipeline.finish(_with_hits(begun, hits))

    def _found(self, query: LabQuery, among: tuple[str, ...] | None) -> tuple[BegunSearch, tuple[Hit, ...]]:
        """Search, among some of the documents if they are given; the excluded ones never reach the reranker."""
        begun = self.pipeline.begin(self._request(query))
        hits = begun.retrieved.hits
        if among is not None:
            hits = self.shelf.nearest(self._vector(begun), among, len(among))
        kept = tuple(hit for hit in hits if hit.product_id not in query.excluded)
        return begun, kept[: self.k]

    def _request(self, query: LabQuery) -> SearchRequest:
        setup, limit = self.configuration.setup, self.k + len(query.excluded)
        return SearchRequest(
            text=query.text,
            image=None if query.image is None else self._upload(query.image),
            filter=query.filter if self.configuration.filter else None,
            limit=min(limit, setup.max_limit),
            rerank=RerankOptions(enabled=setup.reranks),
            hybrid=hybrid_options(setup.hybrid, query.text),
            understand=setup.understands,
        )

    def _vary(self, query: LabQuery) -> None:
        """Tell the encoder what there is of the query besides its text and its image."""
        limits = lab_limits(self.configuration.setup)
        self.encoder.wordings = query.wordings
        self.encoder.images = tuple(_usable(ref, lambda ref: ref.open(limits)) for ref in query.more_images)

    def _upload(self, ref: ImageRef) -> UploadedImage:
        """The image as a caller would send it; a part of one is cut out first, without loss."""
        limits = lab_limits(self.configuration.setup)
        if ref.box is None:
            return UploadedImage(_usable(ref, lambda ref: ref.read(limits)))
        buffer = io.BytesIO()
        _usable(ref, lambda ref: ref.open(limits)).image.save(buffer, "PNG")
        return UploadedImage(buffer.getvalue())

    def _vector(self, begun: BegunSearch) -> Vector:
        """The vector that the search has just made, on no account, since it is known."""
        query = replace(begun.retrieved.query, text=begun.retrieved.text)
        with new_ledger():
            vector: Vector = self.encoder.encode([query]).vectors[0]
        return vector

    def _reranked(self, response: SearchResponse) -> int:
        setup = self.configuration.setup
        return min(setup.candidates, len(response.results)) if setup.reranks else 0


def _usable(ref: ImageRef, use: Callable[[ImageRef], _Used]) -> _Used:
    """What is made of a query's image. DataSetError if it cannot be used."""
    try:
        return use(ref)
    except InvalidImage as error:
        raise DataSetError("this image cannot be used as a query", file=ref.path) from error


def _with_hits(begun: BegunSearch, hits: tuple[Hit, ...]) -> BegunSearch:
    """The search as if it had found these. There is no next page."""
    ranks = {hit.product_id: rank for rank, hit in enumerate(hits, start=1)}
    selection = replace(begun.retrieved.selection, hits=hits, ranks=ranks)
    retrieved = replace(begun.retrieved, hits=hits, selection=selection, limit=len(hits), more=False)
    return replace(begun, retrieved=retrieved)


def _outcome(
    query: str, response: SearchResponse, subset: SearchResponse | None, ledger: Ledger, reranked: int
) -> QueryOutcome:
    report = response.rerank
    ran = reranked > 0
    by_retrieval = sorted(response.results, key=lambda result: result.retrieval_rank)
    return QueryOutcome(
        query=query,
        retrieved=tuple((result.product.id, result.scores.retrieval) for result in by_retrieval),
        final=_ids(response),
        subset=() if subset is None else _ids(subset),
        fault=report.fault if ran else None,
        repaired=len(report.repaired),
        reranked=reranked,
        degraded=report.degraded or (subset.rerank.degraded if subset else None),
        caption=response.caption,
        reason=report.reason,
        timings_ms=_true_times(response.timings_ms, ledger),
        prompt_tokens=(ledger.prompt_tokens or None) if ran else None,
        generated_tokens=(ledger.generated_tokens or None) if ran else None,
    )


def _ids(response: SearchResponse) -> tuple[str, ...]:
    return tuple(result.product.id for result in response.results)


def _true_times(clock: Mapping[str, float], ledger: Ledger) -> dict[str, float]:
    """Milliseconds by stage as they are in service; `total` is that of the clock with all corrections."""
    extra: dict[str, float] = {stage: ms for stage, ms in ledger.extra_ms.items()}
    times = {stage: ms + extra.get(stage, 0.0) for stage, ms in clock.items() if stage != "total"}
    times["total"] = clock["total"] + sum(extra.values())
    return {stage: round(max(0.0, ms), 3) for stage, ms in times.items()}

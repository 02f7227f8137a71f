"""The first half of a search: validate a request, decode its image, embed both as one vector, find the nearest
products.

A search that has rules, or asks for groups, no near-duplicates, variety, another order or a further page, looks at the
whole search window, the best products up to a number in the settings, and so do facets where not all that match can be
counted. A hybrid search looks at the best hundred of each score; any other at the products that it shows or reranks,
and at one more to know whether there is a next page.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import replace

from rerank.query import Query
from rerank.stages import note
from service.encoders.encoder import Encoder
from service.encoders.remote.identity import without_sketch
from service.errors import EmptyQuery, InvalidValue, TitleSearchUnavailable
from service.images.sources import ImageLoader
from service.images.store.renditions import Renditions
from service.search.diversity import check_diversity
from service.search.facet_counter import FacetCounter, Matching, facets_of
from service.search.facets import check_facets
from service.search.grouping import check_group
from service.search.hybrid import compare, hybrid_search
from service.search.lexical.catalog_words import CatalogWords
from service.search.lexical.inverted_index import LexicalScores
from service.search.paging import Cursor, digest
from service.search.query_images import OpenedImages, QueryImages, products_of
from service.search.query_vector import check_weights, query_vector
from service.search.retrieval_types import Facets, Window
from service.search.retrieved import Further, Retrieved
from service.search.rules.active import RuleQuery
from service.search.rules.apply import only_exclusions, pinned_ids
from service.search.second_search import further, moved_toward
from service.search.selection import select
from service.search.sorting import check_sort, sort_notices
from service.search.stage_clock import StageClock
from service.search.types import Negative, SearchRequest
from service.search.understanding.understand import Understander, Understood
from service.search.understanding.vocabulary import FacetValue
from service.search.understanding.wanted import Wanted, wanted
from service.stores.filter_notices import filter_notices
from service.stores.filters import MAX_IN_VALUES, check_filter
from service.stores.store import Hit, Store, Vector
from service.wire.rules import RuleBody

HYBRID_NEEDS_TEXT = (
    "hybrid searches products by the words of text, and there is no text. Give one, or leave hybrid out."
)
HYBRID_DEPTH = 100
"""Products that each part of a hybrid search returns: a product that is tenth in both may well be the first."""

REQUIRE_ON_A_LATER_PAGE = "Only the first page is reranked. Leave rerank.require out when you send a cursor."
REQUIRE_AND_SORT = "Sorted results are not reranked. Leave out sort, or rerank.require."
PAGING_ENDS = "Paging ends after {window} products. Narrow the search with a filter, or by its text."
DIVERSITY_AND_SORT = "Sorted results keep their order. Leave out sort, or diversity."


class Retriever:
    """Turns a `SearchRequest` into hits in retrieval order. Thread-safe."""

    def __init__(
        self,
        *,
        encoder: Encoder,
        store: Store,
        words: CatalogWords,
        images: Renditions,
        image_loader: ImageLoader,
        max_limit: int,
        max_text_chars: int,
        window: int = 200,
        understander: Understander | None = None,
        negative_weight: float = 0.5,
        rules: Callable[[RuleQuery], tuple[RuleBody, ...]] = lambda query: (),
        facet_products: int = 10_000,
        catalog: str = "",
    ) -> None:
        """`max_limit`: the most results that may be asked for; `max_text_chars`: the longest sentence; `window`: the
        products that facets, duplicates and pages are about, at least `max_limit`; `understander`: reads sentences,
        which are taken as they are without one; `negative_weight`: how far their negations move a query away;
        `rules`: those for a query now; `facet_products`: most that are listed for facets; `catalog`: its name, to which
        cursors are bound.
        """
        self._encoder = encoder
        self._store = store
        self._words = words
        self._images = QueryImages(store, images, image_loader)
        self._max_limit = max_limit
        self._max_text_chars = max_text_chars
        self._window = max(window, max_limit)
        self._understander = understander
        self._negative_weight = negative_weight
        self._rules = rules
        self._counter = FacetCounter(store, most=facet_products, state=words.state)
        self._catalog = catalog

    @property
    def instructable(self) -> bool:
        """Whether an instruction of a query reaches the encoder."""
        return self._encoder.info.instructable

    def check(self, request: SearchRequest) -> None:
        """Refuse invalid requests, before any model runs. Raises InvalidInput."""
        if not 1 <= request.limit <= self._max_limit:
            raise InvalidValue(f"limit must be between 1 and {self._max_limit}.")
        negative = request.negative.text if request.negative else None
        if max(len(request.text or ""), len(negative or "")) > self._max_text_chars:
            raise InvalidValue(f"text and negative_text must have at most {self._max_text_chars} characters.")
        if request.min_score is not None and not -1 <= request.min_score <= 1:
            raise InvalidValue("min_score must be between -1 and 1.")
        if request.filter is not None:
            check_filter(request.filter)
        check_facets(request.facets)
        check_sort(request.sort)
        check_group(request.group_by)
        check_diversity(request.diversity)
        self._check_together(request)

    def _check_together(self, request: SearchRequest) -> None:
        """Check options that require or exclude others."""
        has_text = bool(request.text and request.text.strip())
        if request.hybrid is not None and not has_text:
            raise InvalidValue(HYBRID_NEEDS_TEXT)
        if request.weights is not None:
            check_weights(request.weights, self._encoder.info, composed=has_text and bool(request.wanted_images))
        if request.cursor is not None and request.rerank.require:
            raise InvalidValue(REQUIRE_ON_A_LATER_PAGE)
        if request.sort and request.rerank.require:
            raise InvalidValue(REQUIRE_AND_SORT)
        if request.sort and request.diversity:
            raise InvalidValue(DIVERSITY_AND_SORT)

    def retrieve(self, request: SearchRequest, clock: StageClock, *, candidates: int = 0) -> Retrieved:
        """The products nearest to a request that was checked: as many as it wants, or `candidates` if they are more.
        The stages decode, embed and retrieve are timed.

        Raises:
            InvalidInput: an empty query, an unusable image, an unknown product, a cursor of another search.
            StoreUnavailable, EncoderMismatch, TitleSearchUnavailable: the catalog cannot be searched now, or not in
            this way.
        """
        with clock.stage("decode"):
            images = self._images.open(request)
            query = _query(request, images)
            key = self._key(query, images, request)
            cursor = Cursor.from_text(request.cursor, key) if request.cursor is not None else None
        understood = self._understood(query.text, request, clock)
        text = searched_text(query, understood)
        with clock.stage("embed"):
            negative = self._negative(text, query.image is not None, request, understood)
            vector, truncated = query_vector(
                self._encoder,
                images.each(replace(query, text=text)),
                image_weights=images.weights,
                weights=request.weights if text is not None else None,
                unwanted=images.unwanted_queries(negative.text),
                negative_weight=negative.weight,
            )
        with clock.stage("retrieve"):
            depth = min(max(request.limit, candidates), self._window)
            rules = self._active_rules(query.text, request, understood)
            wide = self._window if rules else depth
            hits, further, understood = self._first_found(vector, replace(query, text=text), request, wide, understood)
            note(results=len(hits))
            conditions = _conditions(request, understood)
            pinned = self._pinned(vector, request, rules, hits, conditions)
            selection = select(self._store, hits, pinned, rules, request)
            facets = self._facets(hits, request, conditions, rules, complete=not further)
            notices = filter_notices(self._store, vector, request.filter) if request.filter and not hits else ()
        rest = selection.hits if cursor is None else cursor.rest(selection.final)
        if cursor is not None and not rest and further:
            raise InvalidValue(PAGING_ENDS.format(window=self._window))
        found = rest if cursor is None and not selection.keeps_order else rest[:depth]
        window = Window(len(hits), complete=not further)
        return Retrieved(
            query,
            images,
            tuple(found),
            truncated,
            limit=request.limit,
            key=key,
            vector=vector,
            selection=selection,
            cursor=cursor,
            more=len(rest) > request.limit or (further and len(hits) < self._window),
            facets=facets,
            sorted=window if request.sort else None,
            grouped=window if request.group_by else None,
            notices=(*notices, *sort_notices(selection.hits, request.sort)),
            text=text,
            understood=understood,
        )

    def again(
        self, first: Retrieved, request: SearchRequest, best: Sequence[Hit], *, known: Collection[str], most: int
    ) -> Further:
        """One more search under the same conditions, by the query moved toward the best products of a ranking.

        `known`: ids of the products that were ranked; at most `most` new ones are added. Raises StoreUnavailable.
        """
        vector = moved_toward(first.vector, [row.vector for row in self._store.fetch([hit.id for hit in best])])
        query, conditions = replace(first.query, text=first.text), _conditions(request, first.understood)
        any_score = replace(request, min_score=None, facets=())
        hits, _ = self._nearest(vector, query, any_score, len(known), conditions)
        return further(self._store, first, request, hits, known=known, most=most)

    def including(self, first: Retrieved, request: SearchRequest, hits: Sequence[Hit]) -> Further:
        """What another retriever found and this one did not, as it would have found it. Raises StoreUnavailable."""
        known = {hit.product_id for hit in first.hits}
        return further(self._store, first, request, hits, known=known, most=len(hits))

    def _active_rules(
        self, text: str | None, request: SearchRequest, understood: Understood | None
    ) -> tuple[RuleBody, ...]:
        """The rules for a request; sorted results keep their order, so that only exclusions are left of them."""
        rules = self._rules(RuleQuery.of(text, understood)) if request.apply_rules else ()
        return only_exclusions(rules) if request.sort else rules

    def _pinned(
        self,
        vector: Vector,
        request: SearchRequest,
        rules: Sequence[RuleBody],
        hits: Sequence[Hit],
        conditions: Wanted,
    ) -> list[Hit]:
        """Products that rules pin and that were not found, if the conditions of the request hold for them.

        A filter is what a customer insists on, so that no rule gets around it; `min_score` is about similarity, which
        is what a pin is to overrule.
        """
        found = {hit.product_id for hit in hits} | products_of(request)
        missing = [id for id in pinned_ids(rules) if id not in found][:MAX_IN_VALUES]
        if not missing:
            return []
        unwanted = self._unwanted(conditions)
        pinned = compare(self._store, vector, conditions.filter, missing)
        return [pinned[id] for id in missing if id in pinned and id not in unwanted]

    def _facets(
        self,
        hits: Sequence[Hit],
        request: SearchRequest,
        conditions: Wanted,
        rules: tuple[RuleBody, ...],
        *,
        complete: bool,
    ) -> Facets | None:
        """What is counted; None if nothing is to be. `complete`: no products match but these hits."""
        if not request.facets:
            return None
        matching = Matching(conditions.filter, self._unwanted(conditions) | products_of(request), rules)
        everything = None if complete else self._counted(request, matching)
        found = matching.having([hit.product for hit in hits])
        return everything or facets_of(found, request.facets, complete=complete)

    def _counted(self, request: SearchRequest, matching: Matching) -> Facets | None:
        """Facets over all that match; None if they are too many, or must be similar enough, too."""
        return self._counter.count(request.facets, matching) if request.min_score is None else None

    def _understood(self, text: str | None, request: SearchRequest, clock: StageClock) -> Understood | None:
        """What the sentence says; None if it is taken as it is. Values raise products in a hybrid search alone."""
        if self._understander is None or not request.understand or text is None:
            return None
        with clock.stage("understand"):
            try:
                index = self._words.index()
                understood = self._understander.understand(text, index.has, lambda terms: bool(index.having(terms)))
            except TitleSearchUnavailable:  # too large a catalog to hold its words; prices are understood without
                understood = self._understander.understand(text, lambda value: False, lambda terms: False)
        return understood if request.hybrid is not None else replace(understood, boost=())

    def _negative(
        self, text: str | None, has_image: bool, request: SearchRequest, understood: Understood | None
    ) -> Negative:
        """What to move away from: as requested, or words that are not wanted and name no value of the catalog."""
        asked = request.negative or Negative(weight=self._negative_weight)
        if asked.text is not None:
            return asked
        unwanted = [one.text for one in understood.excluded if one.rest and not one.is_quoted] if understood else []
        says_something = has_image or (understood is not None and understood.text is not None)
        return replace(asked, text=", ".join(unwanted)) if unwanted and says_something else asked

    def _first_found(
        self, vector: Vector, query: Query, request: SearchRequest, depth: int, understood: Understood | None
    ) -> tuple[list[Hit], bool, Understood | None]:
        """The products found under all conditions of the sentence, or with some of them given up."""
        if understood is None:
            return *self._nearest(vector, query, request, depth, Wanted(request.filter)), None
        for attempt in understood.attempts():
            hits, further = self._nearest(vector, query, request, depth, wanted(request.filter, attempt))
            if hits:
                break
        return hits, further, attempt

    def _nearest(
        self, vector: Vector, query: Query, request: SearchRequest, depth: int, wanted: Wanted
    ) -> tuple[list[Hit], bool]:
        """The best products that are similar enough, without those whose images the query has, and whether there are
        more.
        """
        own, unwanted = products_of(request), self._unwanted(wanted)
        left_out = own | unwanted
        size, kept = self._sizes(request, depth, Matching(wanted.filter, left_out), len(unwanted))
        margin = 1 + min(len(unwanted), size) + len(own)
        hits = self._found(vector, query, request, (size + margin, kept + margin), wanted)
        least = -math.inf if request.min_score is None else request.min_score
        found = [hit for hit in hits if hit.product_id not in left_out and hit.score >= least]
        return found[:kept], len(found) > kept

    def _sizes(self, request: SearchRequest, depth: int, matching: Matching, unwanted: int) -> tuple[int, int]:
        """The number of products considered by each score, and of the best of them that are used."""
        shaped = request.collapse or request.group_by or request.diversity or request.sort or request.cursor
        if shaped or depth == self._window or (request.facets and not self._counted(request, matching)):
            return self._window, self._window
        size = max(depth, min(HYBRID_DEPTH, self._window)) if request.hybrid else depth
        searches_again = request.rerank.refine or request.rival is not None
        return size, size if searches_again or request.min_score is not None or unwanted > size else depth

    def _unwanted(self, wanted: Wanted) -> set[str]:
        """Products whose words have all words of something that is not wanted, where words can be searched.

        One that is without the same thing is meant: "Teacup without handle".
        """
        if not wanted.unwanted:
            return set()
        with suppress(TitleSearchUnavailable):
            index = self._words.index()
            each = (index.having(terms) - index.having([[absence]]) for terms, absence in wanted.unwanted)
            return set[str]().union(*each)
        return set()

    def _found(
        self, vector: Vector, query: Query, request: SearchRequest, sizes: tuple[int, int], wanted: Wanted
    ) -> Sequence[Hit]:
        """The best products; `sizes`: how many each score looks at, and how many are returned."""
        matched, (limit, best) = self._matched(query, request, wanted.labels), sizes
        if matched is None or request.hybrid is None:
            return self._store.search(vector, limit=best, filter=wanted.filter)
        options, filter = request.hybrid, wanted.filter
        return hybrid_search(self._store, matched, vector, options, limit=limit, filter=filter, wanted=best)

    def _matched(
        self, query: Query, request: SearchRequest, labels: Sequence[Collection[FacetValue]]
    ) -> LexicalScores | None:
        """What shares words with the query; None if words do not count, or cannot where they need not."""
        if request.hybrid is None or query.text is None:
            return None
        try:
            return self._words.score(query.text, labels)
        except TitleSearchUnavailable:
            if request.hybrid.required:
                raise
            return None

    def _key(self, query: Query, images: OpenedImages, request: SearchRequest) -> bytes:
        """A digest of everything that determines the products found and their order."""
        where = request.filter.model_dump(mode="json", by_alias=True, exclude_unset=True) if request.filter else None
        negative = (request.negative.text, request.negative.weight) if request.negative else None
        how = (request.hybrid, request.weights, negative, request.understand)
        shaped = (request.collapse, request.group_by, request.diversity, request.sort)
        options = (request.min_score, *how, *shaped, request.apply_rules)
        model = without_sketch(self._encoder.info.fingerprint)
        given = (
            self._catalog,
            model,
            query.text,
            query.instruction,
            (images.hashes, images.weights, images.unwanted_hash),
            sorted(products_of(request)),
            json.dumps(where, sort_keys=True),
        )
        return digest(*given, *options)


def searched_text(query: Query, understood: Understood | None) -> str | None:
    """What is searched for: the sentence without its conditions, or all of it where that and an image are missing."""
    if understood is None or (understood.text is None and query.image is None):
        return query.text
    return understood.text


def _conditions(request: SearchRequest, understood: Understood | None) -> Wanted:
    """What products must and must not have, by the filter and by what was understood."""
    return wanted(request.filter, understood) if understood else Wanted(request.filter)


def _query(request: SearchRequest, images: OpenedImages) -> Query:
    """The query as the reranker sees it. Raises EmptyQuery."""
    query = images.query(request.text)
    if query.is_empty:
        raise EmptyQuery
    return replace(query, instruction=request.instruction or None)

"""The synchronous client."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
from pydantic import BaseModel

from service.client import catalog, searches
from service.client import rules as merchandising
from service.client.call import UNCHANGED, Call, Unchanged
from service.client.events import STREAM_PATH, EventReader, StreamedAnswer
from service.client.images import AnyImage, Content
from service.client.lines import Lines
from service.client.retry import RetryPolicy
from service.client.searches import Health, Role, Switch
from service.client.transport import connection_errors, connection_options
from service.wire.compatible import DocumentsOut, EmbeddingsOut
from service.wire.feedback import FeedbackKind, FeedbackOut
from service.wire.products import DeletionOut, ItemOut, ProductPageOut, PutOut, StoredProductOut
from service.wire.rules import RuleBody, RulesBody
from service.wire.search import ProductOut, SearchOut
from service.wire.search_batch import SearchBatchOut
from service.wire.search_options import SearchOptionsOut

Answer = TypeVar("Answer")


class Client:
    """A running service. Safe to use from several threads; use it in a `with`, or `close` it.

    All methods raise errors of `service.client.errors`.
    """

    def __init__(
        self,
        base_url: str = "http://127.0.0.1:8000",
        *,
        api_key: str | None = None,
        catalog: str | None = None,
        timeout: float = 60.0,
        retry: RetryPolicy | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """`catalog`: the name of one of several, None for the default one; `timeout`: seconds without a byte from the
        service; `retry`: what to do when it is busy or unavailable.

        Raises ConnectionFailedError for an invalid URL.
        """
        self._http = httpx.Client(**connection_options(base_url, api_key, timeout), transport=transport)
        self._retry = retry or RetryPolicy()
        self._catalog = catalog

    def __enter__(self) -> Self:
        """Open."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Close."""
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def search(
        self,
        text: str | None = None,
        *,
        instruction: str | None = None,
        image: AnyImage | None = None,
        images: Sequence[AnyImage] | None = None,
        filter: Mapping[str, Any] | BaseModel | None = None,
        limit: int | None = None,
        min_score: float | None = None,
        hybrid: Switch | None = None,
        weights: Mapping[str, float] | None = None,
        negative_text: str | None = None,
        negative_image: AnyImage | None = None,
        negative_weight: float | None = None,
        collapse: Switch | None = None,
        group_by: str | Mapping[str, Any] | None = None,
        diversity: float | Mapping[str, float] | None = None,
        facets: Sequence[str | Mapping[str, Any]] | None = None,
        sort: Sequence[Mapping[str, str]] | None = None,
        apply_rules: bool | None = None,
        understand: bool | None = None,
        cursor: str | None = None,
        session: str | None = None,
        rerank: Switch | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> SearchOut:
        """Products for a text, an image, or both; omitted fields use the settings of the service.

        The fields are those of the HTTP interface; `rerank`, `hybrid` and `collapse` may be True or False instead of an
        object such as `{"strategy": "pointwise"}`, `group_by` the name of its field, and `diversity` its lambda.
        `extra`: fields of a newer service, sent as they are.
        Raises ValueError for an invalid image, and OSError for a file that cannot be read.
        """
        call = searches.search(
            text,
            instruction=instruction,
            image=image,
            images=images,
            filter=filter,
            limit=limit,
            min_score=min_score,
            hybrid=hybrid,
            weights=weights,
            negative_text=negative_text,
            negative_image=negative_image,
            negative_weight=negative_weight,
            collapse=collapse,
            group_by=group_by,
            diversity=diversity,
            facets=facets,
            sort=sort,
            apply_rules=apply_rules,
            understand=understand,
            cursor=cursor,
            session=session,
            rerank=rerank,
            extra=extra,
        )
        return self.send(call)

    def search_stream(
        self,
        text: str | None = None,
        *,
        instruction: str | None = None,
        image: AnyImage | None = None,
        images: Sequence[AnyImage] | None = None,
        filter: Mapping[str, Any] | BaseModel | None = None,
        limit: int | None = None,
        min_score: float | None = None,
        hybrid: Switch | None = None,
        weights: Mapping[str, float] | None = None,
        negative_text: str | None = None,
        negative_image: AnyImage | None = None,
        negative_weight: float | None = None,
        collapse: Switch | None = None,
        group_by: str | Mapping[str, Any] | None = None,
        diversity: float | Mapping[str, float] | None = None,
        facets: Sequence[str | Mapping[str, Any]] | None = None,
        sort: Sequence[Mapping[str, str]] | None = None,
        apply_rules: bool | None = None,
        understand: bool | None = None,
        cursor: str | None = None,
        session: str | None = None,
        rerank: Switch | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> Iterator[StreamedAnswer]:
        """The same search, answered in the retrieval order at once, then in the final one."""
        call = searches.search(
            text,
            instruction=instruction,
            image=image,
            images=images,
            filter=filter,
            limit=limit,
            min_score=min_score,
            hybrid=hybrid,
            weights=weights,
            negative_text=negative_text,
            negative_image=negative_image,
            negative_weight=negative_weight,
            collapse=collapse,
            group_by=group_by,
            diversity=diversity,
            facets=facets,
            sort=sort,
            apply_rules=apply_rules,
            understand=understand,
            cursor=cursor,
            session=session,
            rerank=rerank,
            extra=extra,
        )
        return self.stream(call)

    def search_batch(self, queries: Sequence[Mapping[str, Any]]) -> SearchBatchOut:
        """Several searches in one request, each a mapping with the arguments of `search`, such as
        `{"text": "a mug with this", "image": Path("leopard.webp")}`; the outcome of each, in order.
        """
        return self.send(searches.search_batch(queries))

    def options(self) -> SearchOptionsOut:
        """What a search may ask for here: strategies, prompts, defaults and limits."""
        return self.send(searches.options())

    def rerank(
        self,
        query: Content,
        documents: Sequence[Content],
        *,
        top_n: int | None = None,
        return_documents: bool = False,
        model: str | None = None,
        strategy: str | None = None,
        prompt: str | None = None,
        instruction: str | None = None,
        deadline_ms: int | None = None,
    ) -> DocumentsOut:
        """Your own documents (texts, images), best first for a query; `meta.scores` says what their scores mean."""
        call = searches.rerank(
            query,
            documents,
            top_n=top_n,
            return_documents=return_documents,
            model=model,
            strategy=strategy,
            prompt=prompt,
            instruction=instruction,
            deadline_ms=deadline_ms,
        )
        return self.send(call)

    def embeddings(
        self,
        inputs: Content | Sequence[Content],
        *,
        model: str | None = None,
        role: Role | None = None,
        instruction: str | None = None,
        dimensions: int | None = None,
    ) -> EmbeddingsOut:
        """Embeddings of texts, images, or both as one, in the order of the inputs, as queries or as documents."""
        call = searches.embeddings(inputs, model=model, role=role, instruction=instruction, dimensions=dimensions)
        return self.send(call)

    def feedback(
        self, query_id: str, product_id: str, event: FeedbackKind, *, position: int | None = None
    ) -> FeedbackOut:
        """What a user did with a product of an answer, whose `id` is `query_id`; `position`: its `rank` there.

        Raises NotFoundError where the service takes no feedback.
        """
        return self.send(searches.feedback(query_id, product_id, event, position=position))

    def image(self, address: str, *, size: int | None = None) -> bytes:
        """An image of the catalog by its key or `image_url`; `size` (128, 256, 320, 512) asks for a thumbnail."""
        return self.send(searches.image(address, size=size))

    def rules(self) -> RulesBody:
        """The merchandising rules of the service; needs the scope `admin`."""
        return self.send(merchandising.rules())

    def put_rules(self, rules: RulesBody | Sequence[RuleBody | Mapping[str, Any]]) -> RulesBody:
        """Replace all merchandising rules; an empty list removes them. Needs the scope `admin`.

        Raises NotFoundError if the service has no file of rules.
        """
        return self.send(merchandising.put_rules(rules))

    def ready(self) -> Health:
        """Can the service answer searches? Raises UnavailableError where it cannot, with the reason."""
        return self.send(searches.ready())

    def alive(self) -> Health:
        """Is the process alive? Touches no model and no store."""
        return self.send(searches.alive())

    def put_product(
        self,
        id: str,
        *,
        images: Iterable[AnyImage] | None = None,
        title: str | None = None,
        category: str | None = None,
        price: float | None = None,
        attributes: Mapping[str, Any] | None = None,
    ) -> PutOut:
        """Create or replace one product; `images` None keeps the stored ones. Raises as the service refuses it."""
        call = catalog.put_product(
            id, images=images, title=title, category=category, price=price, attributes=attributes
        )
        return self.send(call)

    def get_product(self, id: str) -> StoredProductOut:
        """A product and all its images. Raises NotFoundError."""
        return self.send(catalog.get_product(id))

    def patch_product(
        self,
        id: str,
        *,
        title: str | Unchanged | None = UNCHANGED,
        category: str | Unchanged | None = UNCHANGED,
        price: float | Unchanged | None = UNCHANGED,
        attributes: Mapping[str, Any] | Unchanged | None = UNCHANGED,
    ) -> StoredProductOut:
        """Change title, category, price or attributes; None removes a value. Raises NotFoundError."""
        call = catalog.patch_product(id, title=title, category=category, price=price, attributes=attributes)
        return self.send(call)

    def delete_product(self, id: str) -> None:
        """Delete a product. Raises NotFoundError."""
        return self.send(catalog.delete_product(id))

    def delete_products(self, filter: Mapping[str, Any] | BaseModel, *, dry_run: bool = False) -> DeletionOut:
        """Delete all products that match, in as many requests as it takes; a dry run counts 100,000 at most.

        Raises InvalidRequestError for a filter without a condition.
        """
        call = catalog.deletion(filter, dry_run=dry_run)
        return self.send(call) if dry_run else self._delete(call)

    def delete_all_products(self, *, dry_run: bool = False) -> DeletionOut:
        """The same with every product; the key needs the scope admin."""
        call = catalog.deletion_of_all(dry_run=dry_run)
        return self.send(call) if dry_run else self._delete(call)

    def product_page(
        self,
        *,
        filter: Mapping[str, Any] | BaseModel | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> ProductPageOut:
        """Some products in the order of their ids; `cursor` is `next_cursor` of the previous page."""
        return self.send(catalog.product_page(filter=filter, limit=limit, cursor=cursor))

    def put_products(self, products: Iterable[Mapping[str, Any]]) -> Iterator[ItemOut]:
        """Create or replace any number, some at a time; the outcome for each, in order.

        A product has the fields of `put_product`. One that cannot be stored has the status `rejected`.
        """
        for lines in catalog.batches(products):
            yield from self.send(catalog.put_batch(lines)).results

    def list_products(
        self, *, filter: Mapping[str, Any] | BaseModel | None = None, page_size: int = 100
    ) -> Iterator[ProductOut]:
        """All products that match, in the order of their ids, fetched page by page."""
        cursor: str | None = None
        while True:
            page = self.product_page(filter=filter, limit=page_size, cursor=cursor)
            yield from page.products
            if (cursor := page.next_cursor) is None:
                return

    def export_products(
        self, *, filter: Mapping[str, Any] | BaseModel | None = None, vectors: bool = False
    ) -> Iterator[bytes]:
        """The lines of an export of all products that match, as they come. The key needs the scope admin.

        The last line says how many products there were: without it, the export is incomplete.
        """
        for line in self._lines(catalog.export_products(filter=filter, vectors=vectors)):
            yield line + b"\n"

    def stream(self, call: Call[SearchOut]) -> Iterator[StreamedAnswer]:
        """The answers of a search as they come: in the retrieval order, then in the final one. It is sent once."""
        reader = EventReader()
        for line in self._lines(replace(call, path=STREAM_PATH)):
            if (found := reader.feed(line)) is not None:
                yield found

    def _lines(self, call: Call[Any]) -> Iterator[bytes]:
        """The lines of an answer as they come. Raises as `send`, which it does once."""
        lines = Lines()
        with (
            connection_errors(),
            self._http.stream(call.method, call.path_in(self._catalog), **call.options) as response,
        ):
            if not response.is_success:
                response.read()
                call.answer(response)
            for chunk in response.iter_bytes():
                yield from lines.feed(chunk)

    def _delete(self, call: Call[DeletionOut]) -> DeletionOut:
        """Send it until nothing is left."""
        done = self.send(call)
        while not done.complete:
            done = catalog.together(done, self.send(call))
        return done

    def send(self, call: Call[Answer]) -> Answer:
        """Send a call, with retries, and parse its answer."""
        attempt = 0
        while True:
            with connection_errors():
                response = self._http.request(call.method, call.path_in(self._catalog), **call.options)
            status, headers = response.status_code, response.headers
            wait = self._retry.wait_s(attempt, status, headers, repeatable=call.repeatable)
            if wait is None:
                return call.answer(response)
            time.sleep(wait)
            attempt += 1

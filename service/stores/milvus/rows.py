"""Rows of one Milvus collection: what the store does once it knows which collection is meant."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from pymilvus import MilvusClient

from service.product import Product
from service.stores.filter_evaluation import matches
from service.stores.filters import Filter
from service.stores.milvus.attribute_columns import AttributeColumns, ColumnsOfRow, columns_of
from service.stores.milvus.connection import quiet
from service.stores.milvus.consistency import Consistency
from service.stores.milvus.filter_compiler import any_of, compile_filter, quote
from service.stores.milvus.grouping import WINDOW, Page, RowRate, best_of_each, keep_best, without
from service.stores.milvus.schema import (
    FIELDS,
    HEAD_FIELDS,
    STATE_FIELDS,
    revision_of,
    to_hit,
    to_record,
    to_row,
    to_state,
)
from service.stores.revisions import head_id
from service.stores.store import Hit, Record, RowState, Vector
from service.support.batches import in_batches

_ID_BATCH = 256
_UPSERT_BATCH = 512
_SCAN_BATCH = 1000
_FILTERED_EF = 4
"""As many times the `ef` does a search with a filter use on Milvus Lite."""


@dataclass(frozen=True, slots=True)
class Rows:
    """One collection. Errors are Milvus's own; `search_params` are those of the collection's index, and `typed`
    says how it stores booleans (see `service.stores.milvus.attributes`).
    """

    client: MilvusClient
    collection: str
    search_params: Mapping[str, int]
    timeout: float
    typed: bool
    consistency: Consistency
    rate: RowRate
    columns: AttributeColumns | None = None
    """Where conditions on attributes are decided; None: in Milvus."""

    def upsert(self, records: Sequence[Record]) -> None:
        """Write rows. See `Store.upsert`."""
        for part in in_batches(records, _UPSERT_BATCH):
            rows = [to_row(record, typed=self.typed) for record in part]
            with self._noting() as columns:
                self.client.upsert(self.collection, rows, timeout=self.timeout)
                columns.wrote((row["id"], columns_of(record.product)) for row, record in zip(rows, part, strict=True))
            self.consistency.wrote()

    def search(self, vector: Vector, limit: int, filter: Filter | None) -> list[Hit]:
        """Nearest products. See `Store.search`.

        An index may stop early under a narrow filter; then the rest is compared one by one.
        """
        expression = self._expression(filter)
        best, complete = best_of_each(partial(self._nearest, vector), expression, limit, self.rate)
        if complete:
            keep_best(best, self._compare_all(vector, without(expression, best)))
        kept = [hit for hit in best.values() if self._still_passes(filter, hit.product)]
        return sorted(kept, key=lambda hit: (-hit.score, hit.product_id))[:limit]

    def _nearest(self, vector: Vector, rows: int, expression: str) -> Page:
        [found] = self.client.search(
            self.collection,
            data=[np.asarray(vector, dtype=np.float32).tolist()],
            anns_field="vector",
            limit=rows,
            filter=expression,
            output_fields=FIELDS,
            search_params={"metric_type": "COSINE", "params": self._params(rows, is_filtered=bool(expression))},
            consistency_level=self.consistency.level,
            timeout=self.timeout,
        )
        hits = [_entity(hit) | {"score": float(hit["distance"])} for hit in found]
        kept, passed, moved = self._named(hits)
        return Page([to_hit(row, row["score"]) for row in kept], passed, moved, full=len(found) == rows)

    def _params(self, rows: int, *, is_filtered: bool) -> dict[str, int]:
        """Search parameters. With `ef` at the number of rows, the least that Milvus takes, the last of them are missed.
        Lite's HNSW counts what a filter excludes among its `ef`: of 18,000 products, 11 % of which pass, 256 find 86 %
        of the nearest 30, and 1,024 find 99.6 %.
        """
        params = dict(self.search_params)
        if "ef" in params:
            wide = _FILTERED_EF if is_filtered and self.columns is not None else 1
            params["ef"] = max(wide * params["ef"], 2 * rows + 16)
        return params

    def _named(self, rows: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[str], bool]:
        """Rows that their heads name; the keys of the others; and whether a product of these is still there.

        Heads that are not among the rows are looked up by their keys. Where all products have one image, all rows are
        heads and nothing is looked up.
        """
        heads = {row["id"]: revision_of(row) for row in rows}
        missing = {head_id(row["product_id"]) for row in rows} - heads.keys()
        heads |= {row["id"]: revision_of(row) for row in self.by_id(sorted(missing), HEAD_FIELDS)}
        kept: list[dict[str, Any]] = []
        others: list[dict[str, Any]] = []
        for row in rows:
            head = head_id(row["product_id"])
            (kept if heads.get(head, "") == revision_of(row) else others).append(row)
        moved = any(head_id(row["product_id"]) in heads for row in others)
        return kept, [row["id"] for row in others], moved

    def _compare_all(self, vector: Vector, expression: str) -> list[Hit]:
        """Every matching row, scored exactly. Cheap in its use: nearly all rows have already been found."""
        rows, _, _ = self._named(self.query(expression, [*FIELDS, "vector"], WINDOW))
        scores = [float(np.dot(np.asarray(row["vector"], dtype=np.float32), vector)) for row in rows]
        return [to_hit(row, score) for row, score in zip(rows, scores, strict=True)]

    def get(self, product_id: str) -> list[Record]:
        """All rows of one product, whatever their revision."""
        rows = self.query(f"product_id == {quote(product_id)}", [*FIELDS, "vector"], WINDOW)
        return [to_record(row) for row in rows]

    def by_id(self, ids: Sequence[str], fields: Sequence[str]) -> list[dict[str, Any]]:
        """Fields of the rows with these keys."""
        return [row for batch in _batches(ids) for row in self.query(batch, fields, _ID_BATCH)]

    def states_of(self, product_ids: Sequence[str]) -> list[RowState]:
        """All rows of products, whatever their revision."""
        batches = _batches(product_ids, "product_id")
        return [to_state(row) for batch in batches for row in self.query(batch, STATE_FIELDS, WINDOW)]

    def flush(self) -> None:
        """Write what is in memory to disk, and index it."""
        self.client.flush(self.collection, timeout=self.timeout)

    def delete(self, ids: Sequence[str]) -> int:
        """Delete rows. See `Store.delete_rows`."""
        known = [row["id"] for row in self.by_id(ids, ["id"])]
        self.discard(known)
        if known:
            self._catch_up("Strong")  # servers answer deletes without the time that `Session` goes by
        return len(known)

    def discard(self, keys: Sequence[str]) -> None:
        """Delete rows without waiting until that is seen."""
        for doomed in in_batches(keys, _ID_BATCH):
            with self._noting() as columns:
                self.client.delete(self.collection, filter=any_of("id", doomed), timeout=self.timeout)
                columns.deleted(doomed)

    def _catch_up(self, level: str) -> None:
        """Wait until the server has caught up with what reads of this level must see."""
        nobody = any_of("id", [""])
        self.client.query(
            self.collection, filter=nobody, output_fields=["id"], limit=1, consistency_level=level, timeout=self.timeout
        )

    def count(self) -> int:
        """The number of rows."""
        [row] = self.query("", ["count(*)"], None)
        return int(row["count(*)"])

    def page(self, after: str, limit: int, filter: Filter | None) -> list[tuple[str, Product]]:
        """Rows in the order of their ids. See `Store.page`."""
        expression = self._expression(filter)
        found = [(row["id"], to_hit(row, 0.0).product) for row in self._in_order(after, limit, expression, FIELDS)]
        return [(key, product) for key, product in found if self._still_passes(filter, product)]

    def matching(self, filter: Filter | None, most: int) -> list[Product] | None:
        """Products of the heads that pass a filter. See `Store.matching`.

        One question where Milvus answers it at once: its iterators take five times as long for the same rows.
        """
        expression = self._expression(filter)
        rows = self.query(expression, FIELDS, most + 1) if most < WINDOW else self._first_rows(expression, most + 1)
        if len(rows) > most:
            return None
        products = [to_hit(row, 0.0).product for row in rows if row["id"] == head_id(row["product_id"])]
        return [product for product in products if self._still_passes(filter, product)]

    def _first_rows(self, expression: str, limit: int) -> list[dict[str, Any]]:
        """So many rows or a few more, or all that match."""
        rows: list[dict[str, Any]] = []
        while len(rows) < limit and (
            page := self._in_order(rows[-1]["id"] if rows else "", WINDOW, expression, FIELDS)
        ):
            rows += page
        return rows

    def states(self, after: str) -> list[RowState]:
        """States of the next rows in the order of their ids; none at the end."""
        rows = self._in_order(after, _SCAN_BATCH, "", STATE_FIELDS)
        return [to_state(row) for row in rows]

    def _in_order(self, after: str, limit: int, expression: str, fields: Sequence[str]) -> list[dict[str, Any]]:
        """The first rows behind an id. Only Milvus's iterators keep an order; their first question has no level."""
        self._catch_up(self.consistency.level)
        conditions = [f"id > {quote(after)}"] if after else []
        conditions += [f"({expression})"] if expression else []
        with quiet("pymilvus.client.iterator.query_iterator"):  # it warns that servers before 2.4 have no snapshots
            pages = self.client.query_iterator(
                self.collection,
                batch_size=limit,
                limit=limit,
                filter=" and ".join(conditions),
                output_fields=list(fields),
                timeout=self.timeout,
            )
        try:
            return [dict(row) for row in pages.next()]
        finally:
            pages.close()

    def _expression(self, filter: Filter | None) -> str:
        if filter is None:
            return ""
        if self.columns is not None:
            with suppress(KeyError):  # columns that are gone again: Lite decides
                return compile_filter(filter, attribute=self.columns.test)
        return compile_filter(filter, typed=self.typed)

    def _still_passes(self, filter: Filter | None, product: Product) -> bool:
        """Columns are asked before the rows are: a product may have been changed in between."""
        return filter is None or self.columns is None or matches(filter, product)

    def may_pass(self, product_ids: Sequence[str], filter: Filter) -> Sequence[str]:
        """Products that may pass a filter. See `Store.may_pass`."""
        keys = {head_id(id): id for id in product_ids}
        if self.columns is None:
            condition = f" and ({expression})" if (expression := self._expression(filter)) else ""
            asked = (self.query(f"{batch}{condition}", ["id"], _ID_BATCH) for batch in _batches([*keys]))
            passing = {row["id"] for rows in asked for row in rows}
            return [id for key, id in keys.items() if key in passing]
        with suppress(KeyError):  # columns that are gone again: the products are read
            return self.columns.passing(keys, filter)
        return product_ids

    def missing_columns(self, names: Collection[str]) -> list[str]:
        """Those of these columns that are to be read before a filter can be decided by them."""
        return self.columns.missing(names) if self.columns is not None else []

    def read_columns(self, names: Sequence[str]) -> None:
        """Read columns, unless another thread has. No row may change meanwhile."""
        if self.columns is not None and self.columns.missing(names):
            self.columns.read(names, self._columns_of_rows())

    def _columns_of_rows(self) -> Iterator[ColumnsOfRow]:
        after = ""
        while rows := self._in_order(after, WINDOW, "", FIELDS):
            yield from ((row["id"], columns_of(to_hit(row, 0.0).product)) for row in rows)
            after = rows[-1]["id"]

    @contextmanager
    def _noting(self) -> Iterator[AttributeColumns]:
        """Rows change in the block, and so do the columns; what has failed may have happened."""
        columns = self.columns or AttributeColumns()
        try:
            yield columns
        except BaseException:
            columns.forget()
            raise

    def query(self, expression: str, fields: Sequence[str], limit: int | None) -> list[dict[str, Any]]:
        """Rows that match an expression made by this package; `limit` None is for `count(*)` alone."""
        rows = self.client.query(
            self.collection,
            filter=expression,
            output_fields=list(fields),
            consistency_level=self.consistency.level,
            timeout=self.timeout,
            **({} if limit is None else {"limit": limit}),
        )
        return [dict(row) for row in rows]


def _batches(ids: Sequence[str], field: str = "id") -> Iterator[str]:
    """Expressions for the rows with these ids in a field, for some of them at a time."""
    return (any_of(field, part) for part in in_batches(ids, _ID_BATCH))


def _entity(hit: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a row that a search found, its key among them."""
    return {**hit["entity"], "id": hit["id"]}

"""Products that are in the catalog and no more in a feed that is the whole of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence, Set

from service.catalog.rows import Reject
from service.support.batches import in_batches

MANY = 100
"""Deletions that need no second thought, whatever share of the catalog they are."""

_BATCH = 256
Known = Callable[[Sequence[str]], Set[str]]
"""Which of these products the feed has."""


class MissingProducts:
    """Notes what could not be read of a feed, and says which products it no longer has."""

    def __init__(self, known: Known, *, even_most: bool = False) -> None:
        """`known` is asked when the whole feed was read. `even_most`: that most of the catalog goes is meant."""
        self._known = known
        self._even_most = even_most
        self._rejected: set[str] = set()
        self._unreadable: list[int] = []

    def see(self, reject: Reject) -> None:
        """A line that was rejected: its product is in the feed all the same."""
        if reject.id is None:
            self._unreadable.append(reject.line)
        else:
            self._rejected.add(reject.id.strip())

    def among(self, product_ids: Sequence[str]) -> list[str]:
        """Those of these products that the feed does not have."""
        known = self._known(product_ids) | self._rejected
        return [id for id in product_ids if id not in known]

    def objection(self, missing: int, stored: int) -> str | None:
        """Why nothing is to be deleted; None if nothing speaks against it."""
        if missing and self._unreadable:
            return (
                f"Nothing was deleted: line {self._unreadable[0]} could not be read, so its product is not known. "
                f"{missing} products are not in the feed."
            )
        if missing > max(MANY, stored - missing) and not self._even_most:
            return (
                f"Nothing was deleted: {missing} of {stored} products are not in the feed, so it may be incomplete. If "
                "this is intended, add --delete-most."
            )
        return None

    def delete(self, stored: Iterable[list[str]], delete: Callable[[list[str]], object]) -> tuple[int, str | None]:
        """Delete them from a catalog; how many products went, and the objection if there is one.

        `stored` are the ids of all its products, in batches; `delete` takes some of them.
        """
        missing, total = [], 0
        for ids in stored:
            total += len(ids)
            missing += self.among(ids)
        objection = self.objection(len(missing), total)
        if objection is not None:
            return 0, objection
        for batch in in_batches(missing, _BATCH):
            delete(batch)
        return len(missing), None

"""The clients of a chaos run that change the catalog, each its own products, and keep a ledger of what was answered."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import httpx

from tests.chaos.caller import Caller, problem_of
from tests.chaos.ledger import PREFIX, Ledger, State, body, fields, images_of
from tests.chaos.readers import check_image

PRODUCTS = 12
_ONE = "{product_id}"
_ABSENT = frozenset([None])


class Writer:
    """Puts, patches, deletes and reads its own products; `generation` tells that the service was restarted."""

    def __init__(self, number: int, generation: Callable[[], int]) -> None:
        self.ledger = Ledger([f"{PREFIX}{number}-{product}" for product in range(PRODUCTS)])
        self._generation, self._checked = generation, 0
        self._version = 0
        self.damaged: list[str] = []

    def step(self, caller: Caller) -> None:
        """One request, or all products read after a restart."""
        if self._generation() != self._checked:
            self._checked = self._generation()
            for id in self.ledger.ids:
                self.read(caller, id)
            return
        ways = [self._put_one, self._put_form, self._put_many, self._patch, self._delete, self._read_any]
        caller.random.choices(ways, [2, 1, 2, 4, 1, 2])[0](caller)

    def read(self, caller: Caller, id: str) -> bool:
        """Compare a product with the ledger; False if it could not be read."""
        answer = caller.ask("catalog", f"GET /v1/products/{_ONE}", f"/v1/products/{id}")
        if answer is None or answer.status_code not in (200, 404):
            return False
        found = answer.json() if answer.status_code == 200 else None
        self.ledger.reads(id, found)
        if found is not None:
            self.damaged += [f"{id}: {url}" for url in found["image_urls"] if not check_image(caller, url)]
        return True

    def _read_any(self, caller: Caller) -> None:
        self.read(caller, self._any(caller))

    def _put_one(self, caller: Caller) -> None:
        id, version = self._any(caller), self._next()
        self._put(caller, [id], version, "PUT /v1/products", json=body(id, version))

    def _put_form(self, caller: Caller) -> None:
        id, version = self._any(caller), self._next()
        product = {key: value for key, value in body(id, version).items() if key != "images"}
        files: list[tuple[str, Any]] = [("product", (None, json.dumps(product)))]
        files += [("image", (f"{place}.png", data)) for place, data in enumerate(images_of(id, version))]
        self._put(caller, [id], version, "PUT /v1/products", files=files)

    def _put_many(self, caller: Caller) -> None:
        """An array, or lines."""
        ids, version = caller.random.sample(self.ledger.ids, 3), self._next()
        bodies = [body(id, version) for id in ids]
        if caller.random.random() < 0.5:
            self._put(caller, ids, version, "PUT /v1/products", json=bodies)
        else:
            lines = "\n".join(map(json.dumps, bodies))
            headers = {"Content-Type": "application/x-ndjson"}
            self._put(caller, ids, version, "PUT /v1/products", content=lines, headers=headers)

    def _put(self, caller: Caller, ids: Sequence[str], version: int, route: str, **options: Any) -> None:
        answer = caller.ask("write", route, **options)
        state = State(version, version)
        if answer is not None and answer.is_success:
            results = answer.json()["results"]
            if [(one["id"], one["error"]) for one in results] != [(id, None) for id in ids]:
                caller.notes.wrong.append(answer.text)
            for id in ids:
                self.ledger.wrote(id, state)
        elif _is_unclear(answer, one=len(ids) == 1):
            for id in ids:
                self.ledger.may_have_written(id, frozenset([state]))

    def _patch(self, caller: Caller) -> None:
        id, version = self._any(caller), self._next()
        changes = fields(id, State(version, 0))
        changes["attributes"].pop("put")
        answer = caller.ask("write", f"PATCH /v1/products/{_ONE}", f"/v1/products/{id}", json=changes)
        after = self.ledger.patched(id, version)
        if answer is not None and answer.is_success:
            self.ledger.possible[id] = after
            self.ledger.reads(id, answer.json())
            self.ledger.acknowledged += 1
        elif answer is not None and answer.status_code == 404:
            self.ledger.reads(id, None)
        elif _is_unclear(answer):
            self.ledger.may_have_written(id, after)

    def _delete(self, caller: Caller) -> None:
        id = self._any(caller)
        answer = caller.ask("write", f"DELETE /v1/products/{_ONE}", f"/v1/products/{id}")
        if answer is not None and answer.is_success:
            if self.ledger.possible[id] == _ABSENT:
                self.ledger.lost.append(f"{id} was deleted twice")
            self.ledger.wrote(id, None)
        elif answer is not None and answer.status_code == 404:
            self.ledger.reads(id, None)
        elif _is_unclear(answer):
            self.ledger.may_have_written(id, _ABSENT)

    def _any(self, caller: Caller) -> str:
        return caller.random.choice(self.ledger.ids)

    def _next(self) -> int:
        self._version += 1
        return self._version


def _is_unclear(answer: httpx.Response | None, *, one: bool = True) -> bool:
    """True if the write may have been done. A full disk takes nothing of one product, as its problem says."""
    if answer is None or answer.status_code < 500:
        return answer is None
    return not (one and problem_of(answer) == "store-full")

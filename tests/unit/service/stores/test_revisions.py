"""A product's write is one revision: every order of the steps of two writers, every place where one can be killed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.build import new_image_loader, open_images
from service.catalog.document_form import IMAGE_ONLY
from service.catalog.documents import Documents
from service.catalog.products import ProductInput, Products
from service.product import Product
from service.settings import Settings
from service.stores import revisions
from service.stores.exact.exact_store import ExactStore
from service.stores.revisions import ProductMoved, RevisionStore
from service.stores.store import Record
from tests.fakes import FakeEncoder
from tests.integration.records import INFO, record, unit
from tests.unit.service.stores.stepped import Process, Stepped, orders, steps_of

Work = Callable[[Stepped], object]


def rows(name: str, count: int) -> list[Record]:
    """A product `p` of so many images whose every row says whose it is, written now."""
    now = revisions.now_ms()
    keys = [f"{name}-{number}" for number in range(count)]
    return [
        record("p", number, seed=number, title=name, image_key=key, content_hash=key, updated_at=now)
        for number, key in enumerate(keys)
    ]


def write(name: str, count: int) -> Work:
    return lambda store: store.write([rows(name, count)])


def delete(store: Stepped) -> None:
    store.delete(["p"])


def new_store(old: int, *, revised: bool = True) -> ExactStore:
    """A store with `p` as `old` and so many rows, from before there were revisions or not, beside another product."""
    store = ExactStore()
    store.ensure(INFO)
    store.write([[record("other", 0, seed=9), record("other", 1, seed=8)]])
    if old and revised:
        store.write([rows("old", old)])
    else:
        store.upsert(rows("old", old))
    return store


def check(store: ExactStore, sizes: dict[str, int], *, may_be_gone: bool = False) -> str | None:
    """`p` is read and found as one of its revisions, as a whole; whose it is."""
    found = store.get("p")
    if not found:
        assert may_be_gone
        assert all(hit.product_id != "p" for hit in store.search(unit(0), limit=9))
        return None
    name = found[0].product.title
    assert [row.product.image_key for row in found] == [f"{name}-{number}" for number in range(sizes[name])]
    assert {row.product.title for row in found} == {name} and [row.id for row in found] == [
        f"p#{n}" for n in range(len(found))
    ]
    [hit] = [hit for hit in store.search(unit(1), limit=9) if hit.product_id == "p"]
    assert (hit.product.title, hit.product.image_key) in {(row.product.title, row.product.image_key) for row in found}
    return name


def check_all(store: ExactStore, sizes: dict[str, int]) -> str | None:
    """The same, by all that reads a product."""
    name, found = check(store, sizes), store.get("p")
    assert {product.title for id, product in store.page(after="", limit=99) if product.id == "p"} == {name}
    assert store.row_ids(["p"]) == [row.id for row in store.products(["p"])["p"]] == [row.id for row in found]
    assert store.hashes([row.id for row in found]) == {row.id: row.content_hash for row in found}
    return name


def swept(store: RevisionStore, monkeypatch: pytest.MonkeyPatch) -> int:
    """The number of rows after what is left over has grown old and was deleted."""
    monkeypatch.setattr(revisions, "GRACE_S", -10)
    store.delete_leftovers()
    return sum(len(page) for page in store.scan())


@pytest.mark.parametrize("counts", [(3, 2), (1, 2), (1, 1)])
@pytest.mark.parametrize(("old", "revised"), [(0, True), (2, True), (3, False)])
def test_two_writers_in_every_order(
    old: int, revised: bool, counts: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    works = write("a", counts[0]), write("b", counts[1])
    sizes = {"old": old, "a": counts[0], "b": counts[1]}
    steps = [steps_of(new_store(old, revised=revised), work) for work in works]
    for order in orders(steps):
        store = new_store(old, revised=revised)
        processes = [Process(store, work) for work in works]
        for number in order:
            processes[number].advance()
            check(store, sizes, may_be_gone=not old)
        for process in processes:  # a race may have added or saved a step
            while not process.is_done:
                process.advance()
                check(store, sizes)
        last = check(store, sizes)
        assert last in {"a", "b"}
        with monkeypatch.context() as patch:
            assert swept(store, patch) == 2 + sizes[last]
    check_all(store, sizes)


@pytest.mark.parametrize(("old", "revised"), [(1, True), (3, True), (3, False)])
def test_a_delete_beside_a_write_in_every_order(old: int, revised: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = {"old": old, "a": 2}
    works: Sequence[Work] = (write("a", 2), delete)
    steps = [steps_of(new_store(old, revised=revised), work) for work in works]
    for order in orders(steps):
        store = new_store(old, revised=revised)
        processes = [Process(store, work) for work in works]
        for number in order:
            processes[number].advance()
            check(store, sizes, may_be_gone=True)
        for process in processes:
            while not process.is_done:
                process.advance()
        last = check(store, sizes, may_be_gone=True)
        assert last in {"a", None}
        with monkeypatch.context() as patch:
            assert swept(store, patch) == 2 + (2 if last else 0)


@pytest.mark.parametrize("work", [write("a", 3), write("a", 1), delete], ids=["three", "one", "delete"])
@pytest.mark.parametrize(("old", "revised"), [(0, True), (1, True), (3, True), (3, False)])
def test_a_kill_at_every_step(old: int, revised: bool, work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    count = steps_of(new_store(old, revised=revised), work)
    for killed_at in range(count + 1):
        store = new_store(old, revised=revised)
        process = Process(store, work)
        for _ in range(killed_at):
            process.advance()
        process.kill()
        sizes = {"old": old, "a": len(store.get("p"))}
        assert sizes["a"] in ({0, 1, 3} if revised else {0, 1, 2, 3})
        with monkeypatch.context() as patch:
            assert swept(store, patch) == 2 + sizes["a"]
        check(store, {"old": sizes["a"], "a": sizes["a"]}, may_be_gone=True)
        store.write([rows("b", 2)])
        assert check_all(store, {"b": 2}) == "b"
        with monkeypatch.context() as patch:
            assert swept(store, patch) == 4


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 3), max_size=30))
def test_many_writers_in_any_order(order: list[int]) -> None:
    store = new_store(2)
    sizes = {"old": 2, "a": 3, "b": 1, "c": 2}
    works: Sequence[Work] = (write("a", 3), write("b", 1), write("c", 2), delete)
    processes = [Process(store, work) for work in works]
    for number in [*order, *(number for number in range(4) for _ in range(8))]:
        processes[number].advance()
        check(store, sizes, may_be_gone=True)
    assert all(process.is_done for process in processes)


@pytest.fixture
def new_products(tmp_path: Path) -> Callable[[Stepped], Products]:
    """Makes the products of a service on this store."""
    settings = Settings(_env_file=None, data_dir=tmp_path)
    images, loader = open_images(settings), new_image_loader(settings)
    documents = Documents(FakeEncoder(), IMAGE_ONLY)
    return lambda store: Products(documents=documents, store=store, images=images, image_loader=loader)  # type: ignore[arg-type]


def test_a_change_of_fields_begins_again_if_the_product_has_moved(new_products: Callable[[Stepped], Products]) -> None:
    """Two patches of different fields: one is lost only if each looked for the last time before the other's commit."""
    patches = {"title": "New", "price": 9.0}
    works: list[Work] = [
        lambda store, name=name, value=value: new_products(store).patch("p", {name: value})  # type: ignore[misc]
        for name, value in patches.items()
    ]
    steps = [steps_of(new_store(2), work) for work in works]
    read_last, commit = 2, 3  # of the steps: get, put the other rows, read the head again, commit, …
    for order in orders(steps):
        store = new_store(2)
        processes = [Process(store, work) for work in works]
        for number in order:
            processes[number].advance()
        for process in processes:
            while not process.is_done:
                process.advance()
        found = store.get("p")
        assert len(found) == 2 and len({(row.product.title, row.product.price) for row in found}) == 1
        places = [[place for place, one in enumerate(order) if one == number] for number in range(2)]
        at_once = all(places[one][read_last] < places[1 - one][commit] for one in range(2))
        assert at_once or (found[0].product.title, found[0].product.price) == ("New", 9.0)


def test_new_fields_for_the_images_that_are_there_keep_those_of_the_last_write(
    new_products: Callable[[Stepped], Products],
) -> None:
    store = new_store(2)
    fields = Product.model_construct(id="p", title="New", category=None, price=None, attributes={}, image_key="")
    process = Process(store, lambda one: new_products(one).put([ProductInput(fields, None)]))
    process.advance()
    store.write([rows("b", 3)])
    while not process.is_done:
        process.advance()
    found = store.get("p")
    assert [row.product.image_key for row in found] == ["b-0", "b-1", "b-2"] and {
        row.product.title for row in found
    } == {"New"}


def test_a_write_that_comes_too_late_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    store = new_store(2)
    [read, *_] = store.get("p")
    store.write([rows("b", 3)])
    with pytest.raises(ProductMoved):
        store.write([rows("a", 3)], read={"p": read})
    assert store.count() == 2 + 3 and check(store, {"b": 3}) == "b"


def test_rows_of_a_write_under_way_are_not_left_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are as old as the write, so a concurrent sweep takes none of them."""
    store = new_store(0)
    process = Process(store, write("a", 3))
    process.advance()
    assert store.delete_leftovers(dry_run=True) == store.delete_leftovers() == 0
    while not process.is_done:
        process.advance()
    assert check(store, {"a": 3}) == "a"


def test_an_incomplete_answer_is_asked_for_again() -> None:
    """Stores without snapshots may show a moment between two steps."""
    whole = [row for row in new_store(3).get("p")]
    for few in ([], whole[:1], whole[1:], whole[:2]):
        answers = iter([few, few, whole])
        expected = [] if not few else whole
        assert revisions.read_whole(lambda: next(answers)) == expected  # noqa: B023
    assert revisions.read_whole(lambda: whole[:2]) == whole[:2] and revisions.read_whole(lambda: whole[1:]) == []

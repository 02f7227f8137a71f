"""The steps of the pipeline on Ray, called as functions; nothing here starts Ray."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rerank.query import Query
from service.catalog.document_form import IMAGE_ONLY
from service.catalog.readers import Columns
from service.catalog.row_images import RowImageReader
from service.catalog.rows import FeedRow, Reject
from service.encoders.encoder import Embeddings
from service.errors import ConfigurationError, EncoderUnavailable, ImageStoreUnavailable
from service.images.decode import ImageLimits
from service.images.store.image_store import ImageStore
from service.product import Product
from service.stores.store import RowState
from tests.fakes import FakeEncoder, MemoryStore
from tests.unit.service.images.sample_images import sample_image

pytest.importorskip("ray", reason="ray is not installed: pip install 'withthis[ray]'", exc_type=ImportError)
from service.catalog.distributed.cluster import RayOptions, choose_pool, connected
from service.catalog.distributed.known import StoredImages
from service.catalog.distributed.lots import Lines, pack, unpack
from service.catalog.distributed.stages import MakeVectors, ReadLines, read_images

NOTHING = StoredImages(np.zeros(0, np.uint64))
values = st.one_of(st.text(), st.integers(-(2**53), 2**53), st.floats(allow_nan=False), st.lists(st.text()))


class Scanned(MemoryStore):
    """A store that holds these rows."""

    def __init__(self, states: Sequence[RowState]) -> None:
        super().__init__()
        self.scanned = states

    def scan(self) -> Iterator[list[RowState]]:
        yield list(self.scanned)


def row(image: str, line: int = 1) -> FeedRow:
    product = Product(id=f"p{line}", price=1.0, attributes={"size": 1, "weight": 1.0}, image_key="")
    return FeedRow(line, product, (image,))


def lines_of(block: object) -> Lines:
    return [line for lot in unpack(block) for line in lot]


@pytest.fixture
def reader(tmp_path: Path) -> RowImageReader:
    for number in range(3):
        (tmp_path / f"{number}.png").write_bytes(sample_image((number, 0, 0)))
    return RowImageReader(tmp_path, ImageLimits(), ImageStore(tmp_path / "images"))


@given(st.dictionaries(st.text(), values))
def test_lots_come_out_as_they_went_in(attributes: dict[str, str | int | float | list[str]]) -> None:
    product = Product.model_construct(id="p", title="t", attributes=attributes, image_key="")  # type: ignore[arg-type]
    line = FeedRow(1, product, (b"\0picture",))
    [lot] = unpack(pack([line, Reject(2, "bad")]))
    assert lot == [line, Reject(2, "bad")]
    assert [type(value) for value in lot[0].product.attributes.values()] == [
        type(value) for value in attributes.values()
    ]


@given(st.sets(st.tuples(st.text(), st.text()), max_size=20), st.tuples(st.text(), st.text()))
def test_stored_images_are_those_of_the_store(stored: set[tuple[str, str]], other: tuple[str, str]) -> None:
    states = [RowState(f"{product}#{place}", key, "", 0) for place, (product, key) in enumerate(sorted(stored))]
    known = StoredImages.of(Scanned(states))
    assert all(known.has(*pair) for pair in stored) and known.has(*other) == (other in stored)


def test_lines_stand_in_lots_and_a_feed_that_breaks_off_says_so(tmp_path: Path) -> None:
    feed = tmp_path / "feed.jsonl"
    feed.write_text('{"id": "a", "image": "a.png"}\n{\n{"id": "c", "image": "c.png"}\n')
    [first], [second] = (list(unpack(block)) for block in ReadLines(feed, Columns(), 2)())
    assert [line.line for line in (*first, *second)] == [1, 2, 3] and isinstance(first[1], Reject)
    feed.unlink()
    [block] = ReadLines(feed, Columns(), 2)()
    with pytest.raises(Exception, match="does not exist"):
        list(unpack(block))


def test_images_are_read_kept_and_decoded_unless_they_are_stored(reader: RowImageReader) -> None:
    lines: list[FeedRow | Reject] = [row("0.png", 1), Reject(2, "bad"), row("1.png", 3), row("gone.png", 4)]
    key = ImageStore.key(sample_image((1, 0, 0)))
    stored = StoredImages.of(Scanned([RowState("p3#5", key, "", 0)]))
    [block] = read_images(pack(lines), reader, stored)
    new, bad, known, gone = lines_of(block)
    assert isinstance(new, FeedRow) and new.decoded is not None and new.images == ()
    assert isinstance(known, FeedRow) and known.decoded is None and reader.images.open(key)
    assert bad == Reject(2, "bad") and isinstance(gone, Reject) and gone.line == 4


def test_vectors_are_made_of_all_lots_of_a_block_in_one_batch(reader: RowImageReader) -> None:
    encoder = FakeEncoder()
    [block] = read_images(pack([row("0.png", 1), row("gone.png", 2), row("1.png", 3)]), reader, NOTHING)
    made = lines_of(MakeVectors(lambda: encoder, IMAGE_ONLY)(block))
    assert [isinstance(line, FeedRow) for line in made] == [True, False, True] and len(encoder.seen) == 2
    expected = encoder.encode(encoder.seen[:2]).vectors
    found = [line for line in made if isinstance(line, FeedRow)]
    assert all(line.decoded is None for line in found)
    for line, vector in zip(found, expected, strict=True):
        assert line.vector is not None and np.array_equal(line.vector, vector)


def test_no_encoder_is_loaded_where_there_is_nothing_to_encode() -> None:
    def load() -> FakeEncoder:
        raise AssertionError("loaded")

    assert lines_of(MakeVectors(load, IMAGE_ONLY)(pack([Reject(1, "bad")]))) == [Reject(1, "bad")]


def test_errors_travel_to_the_end(reader: RowImageReader, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> str:
        raise ImageStoreUnavailable("The disk is full.")

    def load() -> FakeEncoder:
        raise EncoderUnavailable("No weights.")

    [block] = read_images(pack([row("0.png")]), reader, NOTHING)
    with pytest.raises(EncoderUnavailable, match="No weights"):
        lines_of(MakeVectors(load, IMAGE_ONLY)(block))
    monkeypatch.setattr(ImageStore, "put", full)
    [block] = read_images(pack([row("0.png")]), reader, NOTHING)
    with pytest.raises(ImageStoreUnavailable, match="disk is full"):
        lines_of(MakeVectors(FakeEncoder, IMAGE_ONLY)(block))


def test_an_encoder_that_fails_is_not_hidden(reader: RowImageReader) -> None:
    class Broken(FakeEncoder):
        def encode(self, queries: Sequence[Query]) -> Embeddings:
            raise MemoryError

    [block] = read_images(pack([row("0.png")]), reader, NOTHING)
    with pytest.raises(MemoryError):
        MakeVectors(Broken, IMAGE_ONLY)(block)


@pytest.mark.parametrize(
    ("options", "there", "expected"),
    [
        (RayOptions(), {"CPU": 16.0}, (8, 0)),
        (RayOptions(), {"CPU": 2.0}, (1, 0)),
        (RayOptions(), {"CPU": 64.0, "GPU": 8.0}, (8, 1)),
        (RayOptions(device="cpu"), {"CPU": 64.0, "GPU": 8.0}, (32, 0)),
        (RayOptions(device="cuda", encoders=12), {"CPU": 2.0}, (12, 1)),
        (RayOptions(encoders=3), {"CPU": 4.0}, (3, 0)),
    ],
)
def test_how_many_encoders_there_are(options: RayOptions, there: dict[str, float], expected: tuple[int, int]) -> None:
    pool = choose_pool(options, there)
    assert (pool.size, pool.num_gpus) == expected


@pytest.mark.parametrize("there", [{"CPU": 1.0}, {"GPU": 2.0, "CPU": 2.0}, {}])
def test_a_cluster_without_room_for_readers_is_refused(there: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError, match="WITHTHIS_RAY_ENCODERS"):
        choose_pool(RayOptions(), there)


def test_an_address_where_no_cluster_is() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{nobody.getsockname()[1]}"
        for form in (address, f"ray://{address}"):
            with pytest.raises(ConfigurationError, match="No connection to Ray"), connected(RayOptions(form)):
                pass

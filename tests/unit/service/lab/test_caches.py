"""What is kept on disk: journals, embeddings and the engine's answers."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rerank.engines.engine import EngineRequest
from rerank.errors import EngineError, EngineTimeout
from rerank.query import Query
from service.encoders.encoder import EncoderInfo
from service.lab.arrangements import ArrangementRecord
from service.lab.digests import digest
from service.lab.embedding_cache import CachedEncoder, EmbeddingCache
from service.lab.image_check import ImageCheck
from service.lab.journal import Journal
from service.lab.lab_errors import ExperimentError
from service.lab.ledger import new_ledger
from service.lab.recorded_engine import RecordedEngine
from service.lab.run_folder import Outcomes
from tests.fakes import FakeEncoder
from tests.unit.rerank.fakes import FakeEngine, sample_image, says

RANK = EngineRequest("rank these", (sample_image("red"), sample_image("blue")), ("A", "B"))
CAPTION = EngineRequest("what is it?", (sample_image("red"),))


@settings(deadline=None)
@given(st.lists(st.integers(), max_size=5), st.binary(max_size=30).filter(lambda data: b"\n" not in data))
def test_a_journal_torn_anywhere_keeps_its_whole_lines(
    tmp_path_factory: pytest.TempPathFactory, numbers: list[int], torn: bytes
) -> None:
    path = tmp_path_factory.mktemp("journal") / "rows.jsonl"
    whole = [{"n": number} for number in numbers]
    path.write_bytes(b"".join(json.dumps(row).encode() + b"\n" for row in whole) + torn)
    journal = Journal(path)
    assert journal.load(dict) == whole
    journal.append({"n": "ä"})
    journal.close()
    again = Journal(path)
    assert again.load(dict) == [*whole, {"n": "ä"}]
    again.close()


@pytest.mark.parametrize("line", [b'{"m": 1}\n', b"{}x\n", b"[1]\n", b"\xff\n"])
def test_a_damaged_line_is_told_with_its_number(tmp_path: Path, line: bytes) -> None:
    (tmp_path / "rows.jsonl").write_bytes(b'{"n": 1}\n' + line)
    journal = Journal(tmp_path / "rows.jsonl")
    with pytest.raises(ExperimentError, match="line 2"):
        journal.load(lambda row: row["n"])


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is always full")
def test_a_journal_on_a_full_disk_is_told_once_and_closes(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").symlink_to("/dev/full")
    journal = Journal(tmp_path / "rows.jsonl")
    with pytest.raises(ExperimentError, match="disk space"):
        journal.append({"key": "a"})
    journal.close()


def test_the_same_content_is_encoded_once_over_several_runs(tmp_path: Path) -> None:
    queries = [Query("a"), Query("a", sample_image("red")), Query(None, sample_image("red"))]
    first = FakeEncoder()
    cached = CachedEncoder(first, EmbeddingCache(tmp_path, first.info))
    made = cached.encode([*queries, *queries])
    cached.cache.flush()
    assert len(first.seen) == 3
    second = FakeEncoder()
    again = CachedEncoder(second, EmbeddingCache(tmp_path, second.info)).encode([*queries, Query("x" * 200)])
    assert len(second.seen) == 1
    np.testing.assert_array_equal(again.vectors[:3], made.vectors[:3])
    assert again.truncated.tolist() == [False, False, False, True]
    assert again.vectors.dtype == np.float32


def test_a_query_and_a_document_of_the_same_content_are_two(tmp_path: Path) -> None:
    encoder = FakeEncoder()
    CachedEncoder(encoder, EmbeddingCache(tmp_path, encoder.info)).encode([Query("a"), Query("a", role="document")])
    assert [query.role for query in encoder.seen] == ["query", "document"]


def test_content_is_told_apart_by_words_pixels_and_share() -> None:
    words = [
        ("a",),
        ("a", None),
        (None, "a"),
        ("ab", ""),
        ("a", "b"),
        (b"a",),
        (sample_image("red"),),
        (sample_image("red", (24, 32)),),
    ]
    assert len({digest(*parts) for parts in words}) == len(words)


def test_another_fingerprint_shares_nothing(tmp_path: Path) -> None:
    encoder = FakeEncoder()
    cached = CachedEncoder(encoder, EmbeddingCache(tmp_path, encoder.info))
    cached.encode([Query("a")])
    cached.cache.flush()
    info: EncoderInfo = replace(encoder.info, fingerprint="fake-2")
    assert len(EmbeddingCache(tmp_path, encoder.info)) == 1
    assert len(EmbeddingCache(tmp_path, info)) == 0


def test_a_damaged_cache_names_the_file(tmp_path: Path) -> None:
    encoder = FakeEncoder()
    cached = CachedEncoder(encoder, EmbeddingCache(tmp_path, encoder.info))
    cached.encode([Query("a")])
    cached.cache.flush()
    (path,) = tmp_path.glob("*/*.safetensors")
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(ExperimentError, match=path.name):
        EmbeddingCache(tmp_path, encoder.info)


def test_the_engine_is_asked_the_same_once_and_another_thing_again(tmp_path: Path) -> None:
    engine = FakeEngine(answer=says('{"ranking": ["B", "A"]}')).scoring()
    recorded = RecordedEngine(engine, Journal(tmp_path / "answers.jsonl"))
    first = recorded.generate(RANK)
    assert recorded.generate(RANK) == first
    for other in (
        replace(RANK, prompt="rank those"),
        replace(RANK, images=(sample_image("red"), sample_image("green"))),
        replace(RANK, images=RANK.images[::-1]),
        replace(RANK, labels=("A", "C")),
        replace(RANK, max_new_tokens=9),
        CAPTION,
    ):
        recorded.generate(other)
    assert len(engine.asked) == 7
    assert recorded.score([RANK, RANK]) == recorded.score([RANK, RANK]) == [(0.0, -1.0), (0.0, -1.0)]
    assert len(engine.scored) == 2
    recorded.close()
    later = FakeEngine().scoring()
    again = RecordedEngine(later, Journal(tmp_path / "answers.jsonl"))
    assert again.generate(RANK) == first
    assert again.score([RANK, RANK]) == [(0.0, -1.0), (0.0, -1.0)]
    assert not later.asked and not later.scored
    again.close()


def test_what_is_spared_is_booked_by_stage(tmp_path: Path) -> None:
    def slow(request: EngineRequest) -> object:
        time.sleep(0.05)
        return says("A")

    recorded = RecordedEngine(FakeEngine(answer=slow), Journal(tmp_path / "a.jsonl"))  # type: ignore[arg-type]
    for spared in (False, True):
        with new_ledger() as ledger:
            start = time.perf_counter()
            recorded.generate(CAPTION)
            recorded.generate(RANK)
            took = (time.perf_counter() - start) * 1000
        assert took + ledger.rerank_extra_ms >= 50
        assert (ledger.extra_ms["rerank"] > 25) is spared
        assert (ledger.prompt_tokens, ledger.generated_tokens) == (105, 23)
    recorded.close()


def test_failures_are_shared_within_a_run_and_tried_again_in_the_next(tmp_path: Path) -> None:
    broken = FakeEngine(answer=EngineError("away"))
    recorded = RecordedEngine(broken, Journal(tmp_path / "a.jsonl"))
    for _ in range(2):
        with pytest.raises(EngineError, match="away"):
            recorded.generate(RANK)
    assert len(broken.asked) == 1
    recorded.close()
    mended = RecordedEngine(FakeEngine(answer=says("A")), Journal(tmp_path / "a.jsonl"))
    assert mended.generate(RANK).text == "A"
    mended.close()


def test_an_answer_that_came_too_late_comes_too_late_again(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("")
    journal = Journal(tmp_path / "a.jsonl")
    recorded = RecordedEngine(FakeEngine(answer=says("A")), journal)
    recorded.generate(RANK)
    recorded.close()
    row = json.loads((tmp_path / "a.jsonl").read_text()) | {"ms": 60_000}
    (tmp_path / "a.jsonl").write_text(json.dumps(row) + "\n")
    slow = RecordedEngine(FakeEngine(), Journal(tmp_path / "a.jsonl"))
    assert slow.generate(replace(RANK, deadline=time.monotonic() + 120)).text == "A"
    with pytest.raises(EngineTimeout):
        slow.generate(replace(RANK, deadline=time.monotonic() + 30))
    slow.close()


class Connected(FakeEngine):
    """An engine that holds connections."""

    closed = False

    def close(self) -> None:
        self.closed = True


def test_what_an_engine_holds_open_is_closed_with_it(tmp_path: Path) -> None:
    engine = Connected()
    RecordedEngine(engine, Journal(tmp_path / "a.jsonl")).close()
    assert engine.closed


@pytest.mark.parametrize("line", [b"{}x\n", b"{}\n", b'{"key": "a"}\n', b'{"digest": "a", "outcome": 1}\n'])
@pytest.mark.parametrize(
    "take", [Outcomes, ArrangementRecord, ImageCheck, lambda journal: RecordedEngine(FakeEngine(), journal)]
)
def test_a_journal_that_cannot_be_used_is_closed_and_told_with_its_line(
    tmp_path: Path, take: Callable[[Journal], object], line: bytes
) -> None:
    """Nothing is left open for the garbage collector to complain of."""
    (tmp_path / "a.jsonl").write_bytes(line)
    journal = Journal(tmp_path / "a.jsonl")
    with pytest.raises(ExperimentError, match="line 1"):
        take(journal)
    with pytest.raises(ValueError, match="closed"):
        journal.append({})

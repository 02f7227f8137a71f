"""The pool: every run's first documents, each pair once, in an order that tells nothing of the runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.lab.judged import DataSet, LabDocument, LabQuery, Protocol
from service.lab.judging.pool import pooled, run_files
from service.lab.lab_errors import DataSetError, LabError
from service.lab.trec import write_run
from tests.unit.service.lab.sets import run

DOCUMENTS = [f"d{number}" for number in range(8)]
DATA = DataSet(
    "small",
    {id: LabDocument(id) for id in DOCUMENTS},
    {"q1": LabQuery("q1", "a"), "q2": LabQuery("q2", "b", excluded=frozenset({"d0"}))},
    None,
    Protocol(("RR",), depth=10),
)

orders = st.permutations(DOCUMENTS)
rankings = st.fixed_dictionaries({}, optional={"q1": orders, "q2": orders})


def written(folder: Path, *made: dict[str, list[str]]) -> list[Path]:
    paths = []
    for number, one in enumerate(made):
        paths.append(folder / "runs" / f"{number}.run")
        write_run(paths[-1], run(one))
    return paths


@settings(max_examples=40, deadline=None)
@given(st.lists(rankings, max_size=3), st.integers(1, 9), st.integers(0, 3))
def test_a_pool_holds_the_first_documents_of_every_run_once(
    tmp_path_factory: pytest.TempPathFactory, made: list[dict[str, list[str]]], depth: int, seed: int
) -> None:
    paths = written(tmp_path_factory.mktemp("pool"), *made)
    ids = [pair.ids for pair in pooled(DATA, paths, depth=depth, seed=seed)]
    left = [(query, [d for d in order if (query, d) != ("q2", "d0")]) for one in made for query, order in one.items()]
    assert set(ids) == {(query, document) for query, order in left for document in order[:depth]}
    assert len(ids) == len(set(ids))
    assert [query for query, _ in ids] == sorted((q for q, _ in ids), key=[q for q, _ in ids].index)
    # What is there already keeps its order when a run or depth is added; the order of the runs does not count.
    wider = [pair.ids for pair in pooled(DATA, paths[::-1], depth=depth + 3, seed=seed)]
    assert [pair for pair in wider if pair in set(ids)] == ids


def test_the_seed_decides_the_order(tmp_path: Path) -> None:
    paths = written(tmp_path, {"q1": DOCUMENTS})
    found = {tuple(pair.document.id for pair in pooled(DATA, paths, seed=seed)) for seed in range(5)}
    assert len(found) > 1
    assert run_files(tmp_path) == paths


def test_what_a_run_has_and_the_data_set_has_not_is_named_with_its_line(tmp_path: Path) -> None:
    (path,) = written(tmp_path, {"q1": ["d1", "d2"], "q2": ["d3", "d99"]})
    with pytest.raises(DataSetError, match=r"0\.run, line 4: the document 'd99' is not in the data set small"):
        pooled(DATA, [path])
    (path,) = written(tmp_path, {"q1": ["d1", "d2"], "q9": ["d3"]})
    with pytest.raises(DataSetError, match=r"0\.run, line 3: the query 'q9' is not in the data set small"):
        pooled(DATA, [path])
    with pytest.raises(DataSetError, match="missing"):
        pooled(DATA, [tmp_path / "none.run"])


def test_a_folder_without_runs_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="withthis evaluate"):
        run_files(tmp_path)

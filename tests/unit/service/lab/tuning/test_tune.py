"""What is learned from judged queries is exported if unseen ones are better with it, and only then."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open

from rerank.query import Query
from service.cli.setups import SettingsOverlay
from service.encoders.encoder import Embeddings, EncoderInfo
from service.lab.datasets import load_dataset
from service.lab.experiment import Experiment, read_experiment
from service.lab.folds import folds
from service.lab.judged import DataSet
from service.lab.lab_errors import LabError
from service.lab.models import Models
from service.lab.run_folder import RunFolder
from service.lab.tuning.adapter_card import ADAPTER, CARD, export
from service.lab.tuning.proof import FOLDS, Tuned
from service.lab.tuning.tune import tune
from service.search.query_adapter import read_adapter
from service.settings import Settings
from service.stores.store import Vector

KINDS, COLORS, QUERIES = 8, 8, 40
WANTED = 2
"""The color that the shop's users prefer, whatever they ask for."""
EXPERIMENT = """
name: colors
data: {kind: jsonl, path: .}
measures: [nDCG@5]
k: 10
settings: {hybrid_enabled: false, understand_enabled: false, rerank_enabled: false}
configurations: [{name: as served}]
"""


class Letters:
    """An encoder that knows kinds and colors by the words "k3" and "c2", and nothing of what users prefer."""

    info = EncoderInfo("letters", KINDS + COLORS, "letters-1", frozenset({"text"}), None)

    def encode(self, queries: Sequence[Query]) -> Embeddings:
        vectors = np.stack([self._vector(query.text or "") for query in queries])
        return Embeddings(vectors, np.zeros(len(queries), np.bool_))

    def _vector(self, text: str) -> Vector:
        vector = np.random.default_rng(list(text.encode())).normal(0, 0.1, self.info.dimension)
        for word in text.split():
            if word[0] in "kc" and word[1:].isdigit():
                vector[int(word[1:]) + (KINDS if word[0] == "c" else 0)] += 1.0
        return (vector / np.linalg.norm(vector)).astype(np.float32)


def write_set(folder: Path) -> tuple[Experiment, DataSet]:
    """A product of each kind and color, and queries for kinds; of the kind, the wanted color is best."""
    documents: list[dict[str, object]] = [
        {"id": f"k{k}c{c}", "title": f"k{k} c{c}"} for k in range(KINDS) for c in range(COLORS)
    ]
    queries: list[dict[str, object]] = [
        {"id": f"q{number}", "text": f"k{number % KINDS} w{number}"} for number in range(QUERIES)
    ]
    judgments: list[dict[str, object]] = [
        {"query": f"q{number}", "document": f"k{number % KINDS}c{c}", "grade": 3 if c == WANTED else 1}
        for number in range(QUERIES)
        for c in range(COLORS)
    ]
    for name, rows in {"documents": documents, "queries": queries, "judgments": judgments}.items():
        (folder / f"{name}.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    (folder / "experiment.yaml").write_text(EXPERIMENT)
    base = SettingsOverlay(Settings(_env_file=None))
    return read_experiment(folder / "experiment.yaml", base), load_dataset("jsonl", folder)


def shuffled(data: DataSet, seed: int) -> DataSet:
    """The same grades, on documents that are drawn."""
    rng, names = random.Random(seed), list(data.documents)

    def other(grades: Mapping[str, int]) -> Mapping[str, int]:
        return dict(zip(rng.sample(names, len(grades)), grades.values(), strict=True))

    return replace(data, judgments={query: other(grades) for query, grades in data.require_judgments().items()})


def tuned(folder: Path, experiment: Experiment, data: DataSet) -> Tuned:
    results_in = RunFolder(folder)
    try:
        models = Models(results_in.cache, load_encoder=lambda setup: Letters())
        return tune(experiment, data, results_in, rank=2, models=models, progress=lambda *_: None)
    finally:
        results_in.close()


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Experiment, DataSet]:
    return write_set(tmp_path_factory.mktemp("set"))


@pytest.fixture(scope="module")
def found(prepared: tuple[Experiment, DataSet], tmp_path_factory: pytest.TempPathFactory) -> Tuned:
    return tuned(tmp_path_factory.mktemp("out"), *prepared)


def test_what_users_prefer_is_learned_and_holds_on_unseen_queries(found: Tuned) -> None:
    assert found.parts[0].is_proven and found.parts[0].queries_needed is None and found.queries == QUERIES
    assert found.parts[0].comparison.difference > 0.05 and found.parts[0].comparison.p_corrected < 0.05
    moved = found.adapter.apply(Letters().encode([Query("k1 w99")]).vectors)
    documents = Letters().encode([Query(f"k1 c{c}") for c in range(COLORS)]).vectors
    assert int(np.argmax(documents @ moved[0])) == WANTED


def test_what_is_exported_names_its_figures_and_is_read_for_its_encoder(found: Tuned, tmp_path: Path) -> None:
    path = export(found, tmp_path, data="colors", seed=7)
    assert path.name == ADAPTER and f"+{found.parts[0].comparison.difference:.3f}" in (tmp_path / CARD).read_text()
    with safe_open(path, "numpy") as file:
        facts = file.metadata()
    assert (facts["measure"], facts["queries"], facts["encoder"]) == ("nDCG@5", str(QUERIES), "letters-1")
    vectors = Letters().encode([Query("k1"), Query("k2")]).vectors
    read = read_adapter(path, Letters.info)
    assert np.array_equal(read.apply(vectors), found.adapter.apply(vectors))


def test_chance_is_not_exported(prepared: tuple[Experiment, DataSet], tmp_path: Path) -> None:
    experiment, data = prepared
    by_chance = tuned(tmp_path, experiment, shuffled(data, 1))
    assert not by_chance.proven
    assert (by_chance.parts[0].queries_needed is None) == (by_chance.parts[0].comparison.difference <= 0)


def test_few_judged_queries_are_refused_before_any_work(prepared: tuple[Experiment, DataSet], tmp_path: Path) -> None:
    experiment, data = prepared
    few = replace(data, judgments={"q0": {"k0c0": 1}})
    with pytest.raises(LabError, match="fewer than 20 judged queries"):
        tuned(tmp_path, experiment, few)


def test_variations_of_a_topic_are_in_one_fold() -> None:
    parts = folds(["a", "a", "b", "c", "d", "e", "b"], FOLDS, seed=1)
    assert sorted(unit for part in parts for unit in part) == ["a", "b", "c", "d", "e"]

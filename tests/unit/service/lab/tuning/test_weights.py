"""Weights are chosen among orders that a search with them gives, and exported only if unseen queries are better."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from service.cli.setups import SettingsOverlay
from service.cli.tune import exported
from service.lab.bench import Benches
from service.lab.datasets import load_dataset
from service.lab.experiment import Experiment, read_experiment
from service.lab.gallery import Gallery
from service.lab.judged import DataSet
from service.lab.models import Models
from service.lab.run_folder import RunFolder
from service.lab.tuning.knobs import FieldWeights, FusionWeight, Knob, LexicalWeight, partial_values
from service.lab.tuning.laid import Laid
from service.lab.tuning.proof import Part, Tuned
from service.lab.tuning.tune import tune
from service.search.query_adapter import read_adapter
from service.settings import Settings, load_settings
from tests.unit.service.lab.bench_fakes import fake_engine
from tests.unit.service.lab.tuning.test_tune import QUERIES, Letters, shuffled, write_set

WEIGHTS = """
name: weights
data: {kind: jsonl, path: .}
measures: [nDCG@5]
k: 10
settings: {understand_enabled: false, strategy: listwise, rerank_candidates: 6, rerank_step_back: false}
configurations: [{name: as served, hybrid_lexical_weight: 1.0, fusion_weight: 1.0}]
"""
FIELDS = ["title", "category", "brand", "sku"]


def write(folder: Path, text: str = WEIGHTS) -> tuple[Experiment, DataSet]:
    """Categories hold words of queries for something else, and the model ranks backwards: the less both count, the
    better.
    """
    write_set(folder)
    rows = [json.loads(line) for line in (folder / "documents.jsonl").read_text().splitlines()]
    named = [{**row, "category": f"w{number * 7 % QUERIES}"} for number, row in enumerate(rows)]
    (folder / "documents.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in named))
    (folder / "weights.yaml").write_text(text)
    overlay = SettingsOverlay(Settings(_env_file=None))
    return read_experiment(folder / "weights.yaml", overlay), load_dataset("jsonl", folder)


def models(folder: RunFolder) -> Models:
    engine = fake_engine()
    return Models(folder.cache, load_encoder=lambda setup: Letters(), load_engine=lambda setup: engine)


def tuned(folder: Path, experiment: Experiment, data: DataSet) -> Tuned:
    with closing(RunFolder(folder)) as out:
        return tune(experiment, data, out, rank=2, models=models(out), progress=lambda *_: None)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Experiment, DataSet]:
    return write(tmp_path_factory.mktemp("set"))


@pytest.fixture(scope="module")
def laid(prepared: tuple[Experiment, DataSet], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laid]:
    experiment, data = prepared
    with (
        closing(RunFolder(tmp_path_factory.mktemp("laid"))) as out,
        closing(models(out)) as loaded,
        closing(Benches(Gallery.of(data), loaded)) as benches,
        closing(Laid(experiment, data, benches, lambda *_: None)) as found,
    ):
        yield found


TRIED: list[tuple[str, object]] = [
    *(("hybrid_lexical_weight", weight) for weight in (0.0, 0.3, 1.0)),
    *(("lexical_field_weights", weights) for weights in ({}, {"category": 0.1}, {"title": 0.25, "category": 0.5})),
    *(("fusion_weight", weight) for weight in (0.0, 0.4, 1.0)),
]


@pytest.mark.parametrize(("setting", "value"), TRIED)
def test_a_value_is_tried_as_it_would_be_searched_with(
    laid: Laid, prepared: tuple[Experiment, DataSet], setting: str, value: object
) -> None:
    products = [record.product for record in laid.bench({}, reranked=False).shelf.records]
    each: list[Knob] = [LexicalWeight(), FieldWeights(products, FIELDS), FusionWeight()]
    knob = next(one for one in each if one.setting == setting)
    as_set, served = laid.bench({}, reranked=knob.reranked), laid.bench({setting: value}, reranked=knob.reranked)
    for query in list(prepared[1].queries.values())[:5]:
        assert knob.keep(as_set, query)(value)[:10] == served.measure(query).final


def test_the_weight_of_the_model_itself_is_where_the_choice_begins(
    laid: Laid, prepared: tuple[Experiment, DataSet]
) -> None:
    served = laid.bench({"fusion_weight": None}, reranked=True)
    for query in list(prepared[1].queries.values())[:3]:
        assert FusionWeight().keep(served, query)(None) == served.measure(query).final


def test_fields_without_words_are_no_choice_and_one_is_chosen_after_the_other(laid: Laid) -> None:
    products = [record.product for record in laid.bench({}, reranked=False).shelf.records]
    assert FieldWeights(products, FIELDS).fields == ["title", "category"]
    values: list[Mapping[str, float]] = partial_values("category")({"title": 0.5, "category": 0.1})
    assert values[0] == {"title": 0.5} and values[1] == {"title": 0.5, "category": 0.5}


@pytest.fixture(scope="module")
def found(prepared: tuple[Experiment, DataSet], tmp_path_factory: pytest.TempPathFactory) -> Tuned:
    return tuned(tmp_path_factory.mktemp("out"), *prepared)


def test_what_helps_is_proven_on_top_of_what_is_proven_before(found: Tuned) -> None:
    parts = {part.setting: part for part in found.parts}
    assert list(parts) == ["query_adapter", "hybrid_lexical_weight", "lexical_field_weights", "fusion_weight"]
    weight, fusion = parts["hybrid_lexical_weight"], parts["fusion_weight"]
    assert weight.is_proven and isinstance(weight.value, float) and weight.value < 1
    assert fusion.value == 0.0 and fusion.comparison.difference > 0, "the model ranks backwards"
    for part in found.parts:
        assert part.comparison.p_corrected == pytest.approx(min(1.0, 4 * part.comparison.p))
    assert [part.tested for part in found.parts] == [QUERIES, QUERIES // 2, QUERIES // 2, QUERIES // 2]
    assert parts["lexical_field_weights"].comparison.baseline_mean == pytest.approx(weight.comparison.run_mean)


def test_what_is_proven_is_written_as_settings(found: Tuned, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def proven(setting: str, value: object) -> Part:
        comparison = replace(found.parts[1].comparison, p_corrected=0.01)
        return replace(found.parts[1], setting=setting, value=value, comparison=comparison)

    weights = {"category": 0.25, "a name": 1.0}
    values = {"hybrid_lexical_weight": 0.3, "lexical_field_weights": weights, "fusion_weight": 0.0}
    adapter = replace(found.parts[0], comparison=proven("", None).comparison)
    parts = (adapter, *(proven(setting, value) for setting, value in values.items()), found.parts[2])
    assert not found.parts[2].is_proven
    path = exported(replace(found, parts=parts), tmp_path, data="weights", seed=7)
    monkeypatch.setenv("WITHTHIS_CONFIG", str(path))
    monkeypatch.setenv("WITHTHIS_LEXICAL_FIELDS", '["title", "category", "a name"]')
    read = load_settings(_env_file=None)
    assert (read.search.hybrid_lexical_weight, read.search.lexical_field_weights) == (0.3, weights)
    assert read.rerank.fusion_weight == 0.0
    assert read.search.query_adapter is not None and read_adapter(read.search.query_adapter, Letters.info)
    assert path.read_text().count("\n# ") == 4, "where each setting comes from"


def test_chance_proves_no_weight(prepared: tuple[Experiment, DataSet], tmp_path: Path) -> None:
    experiment, data = prepared
    found = tuned(tmp_path, experiment, shuffled(data, 3))
    assert found.proven == {}

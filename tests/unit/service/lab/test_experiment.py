"""Experiments as files: what is laid over what, and that every mistake is told with its place."""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.cli.setups import UNMEASURED, SettingsMaker, SettingsOverlay
from service.lab.configuration import Configuration
from service.lab.experiment import Experiment, read_experiment
from service.lab.judging.scale import SCALE, Point
from service.lab.lab_errors import ExperimentError
from service.lab.models import engine_fingerprint
from service.settings import Settings, setting_places

HEAD = "name: a\ndata: {kind: jsonl, path: set}\n"


def read(folder: Path, text: str, **settings: object) -> Experiment:
    path = folder / "experiment.yaml"
    path.write_text(text, "utf-8")
    return read_experiment(path, SettingsOverlay(Settings(_env_file=None, **settings)))  # type: ignore[arg-type]


def settings_of(configuration: Configuration) -> Settings:
    assert isinstance(configuration.setup.make, SettingsMaker)
    return configuration.setup.make.settings


def test_settings_are_laid_over_each_other(tmp_path: Path) -> None:
    experiment = read(
        tmp_path,
        HEAD
        + """
k: 20
price: {prompt: 0.5}
settings: {strategy: single-token, rerank_candidates: 5}
configurations:
  - name: one
  - {name: two, strategy: listwise, k: 30, filter: false, price: {generated: 2}}
""",
        rerank_candidates=7,
        rerank_deadline_ms=1234,
        store_uri="http://production:19530",
    )
    one, two = experiment.configurations
    first, second = map(settings_of, (one, two))
    assert (first.rerank.strategy, first.rerank.candidates, one.k, one.filter) == (
        "single-token",
        5,
        20,
        True,
    )
    assert (second.rerank.strategy, two.k, two.filter) == ("listwise", 30, False)
    assert first.rerank.deadline_ms == 1234
    assert first.store_uri == "exact:"  # a shop's store is never touched by accident
    assert one.price is not None and two.price is not None
    assert (one.price.prompt, two.price.generated) == (0.5, 2.0)
    assert experiment.data.path == tmp_path / "set"


@pytest.mark.parametrize(
    ("lines", "place"),
    [
        (
            "configurations:\n  - {name: a, fusion_wieght: 1}",
            "line 4, configurations[0].fusion_wieght: there is",
        ),
        ("configurations:\n  - {name: a, fusion_wieght: 1}", "did you mean fusion_weight?"),
        ("configurations:\n  - name: a\n    fusion_weight: 2", "line 5, configurations[0].fusion_weight: Input should"),
        ("configurations:\n  - {name: a, port: 9}", "line 4, configurations[0].port: this setting cannot"),
        ("configurations:\n  - {name: a, engine_api_key: s}", "configurations[0].engine_api_key: this setting"),
        ("settings: {rerank_window: 1}\nconfigurations: [{name: a}]", "line 3, settings.rerank_window"),
        ("settings: {color: 1}\nconfigurations: [{name: a}]", "line 3, settings.color"),
        ("configurations:\n  - name: a\n  - name: a", "line 5, configurations[1].name: there is another"),
        ("configurations:\n  - name: a\n    k: 1\n    k: 2", "line 6, configurations[0].k: this is defined twice"),
        ("configurations:\n  - {name: a, k: 0}", "configurations[0].k"),
        ("configurations: []", "line 3, configurations"),
        ("configurations: [{k: 3}]", "configurations[0].name: Field required"),
        ("sead: 3\nconfigurations: [{name: a}]", "line 3, sead"),
        ("measures: [NegR@10]\nconfigurations: [{name: a}]", "line 3, measures[0]: the first measure decides"),
        ("measures: [nDCG@10, precision]\nconfigurations: [{name: a}]", "line 3, measures[1]: 'precision'"),
        ("configurations: [", "line 3: this is not YAML"),
    ],
)
def test_mistakes_are_told_with_their_place(tmp_path: Path, lines: str, place: str) -> None:
    with pytest.raises(ExperimentError) as caught:
        read(tmp_path, HEAD + lines)
    assert place in caught.value.detail
    assert "experiment.yaml" in caught.value.detail


@pytest.mark.parametrize("data", ["{kind: jsonl}", "{kind: unheard-of, path: a}", "{path: a}", "3"])
def test_the_data_set_needs_a_known_kind_and_a_path(tmp_path: Path, data: str) -> None:
    with pytest.raises(ExperimentError, match="line 2, data"):
        read(tmp_path, f"name: a\ndata: {data}\nconfigurations: [{{name: a}}]")


JUDGING = """configurations: [{name: one}]
judging:
  guidelines: how.md
  scale:
    - {grade: 1, name: Yes!, meaning: That is it.}
    - {grade: 0, name: No!}
  judges: [anna, bert]
  overlap: 0.25
  model:
    engine: transformers
    engine_model: a/model
  prompt: grade@1
  timeout_s: 30
"""


def test_how_an_experiment_is_judged(tmp_path: Path) -> None:
    (tmp_path / "how.md").write_text("\ufeffLook at *both*.\n")
    judging = read(tmp_path, HEAD + JUDGING).judging
    assert judging.scale == (Point(0, "No!", ""), Point(1, "Yes!", "That is it."))
    assert (judging.guidelines, judging.judges, judging.overlap) == ("Look at *both*.", ("anna", "bert"), 0.25)
    assert judging.model is not None and settings_of(judging.model).engine.model == "a/model"
    assert (judging.prompt, judging.timeout_s) == ("grade@1", 30.0)
    without = read(tmp_path, HEAD + "configurations: [{name: one}]").judging
    assert (without.scale, without.guidelines, without.model) == (SCALE, "", None)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("how.md", "no.md", r"line 5, judging\.guidelines: .*no\.md cannot be read"),
        ("grade: 0", "grade: 1", r"line 6, judging\.scale: a grade is defined twice"),
        ("grade: 0", "grade: 2", r"line 6, judging\.scale: there is no grade 0"),
        ("grade: 0", "grade: 10", r"line 8, judging\.scale\[1\]\.grade"),
        ("name: No!", "name: No", r"line 8, judging\.scale\[1\]\.name: put it in quotes"),
        ("name: No!", "name: ''", r"line 8, judging\.scale\[1\]\.name"),
        ("bert", "anna", r"line 9, judging\.judges: a judge is named twice"),
        ("bert", "../bert", r"line 9, judging\.judges\[1\]"),
        ("0.25", "1.5", r"line 10, judging\.overlap"),
        ("engine_model", "engine_modle", r"line 13, judging\.model\.engine_modle: .*did you mean engine_model"),
        ("engine: transformers", "engine: transfomers", r"line 12, judging\.model\.engine: there is no engine"),
        ("timeout_s: 30", "timeout_s: 0", r"line 15, judging\.timeout_s"),
        ("prompt:", "prmopt:", r"line 14, judging\.prmopt"),
    ],
)
def test_mistakes_in_how_it_is_judged_are_told_with_their_line(tmp_path: Path, old: str, new: str, told: str) -> None:
    (tmp_path / "how.md").write_text("x")
    with pytest.raises(ExperimentError, match=told):
        read(tmp_path, HEAD + JUDGING.replace(old, new))


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ExperimentError, match="cannot be read"):
        read_experiment(tmp_path / "nothing.yaml", SettingsOverlay(Settings(_env_file=None)))


@given(st.text(st.sampled_from("name: a\ndata[]{},-k3'\"&*!#|>%@é\t"), max_size=60))
def test_whatever_stands_in_a_file_only_our_error_comes_out(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    with pytest.raises(ExperimentError):
        read(tmp_path_factory.getbasetemp(), text)


def test_every_setting_is_measured_or_named_as_not() -> None:
    assert frozenset(setting_places()) >= UNMEASURED
    measured = SettingsOverlay(Settings(_env_file=None)).measured
    assert {"encoder", "engine", "strategy", "fusion_weight", "index_type", "rank_prompt"} <= measured
    secret = {name for name, place in setting_places().items() if "Secret" in str(place.info.annotation)}
    assert secret <= UNMEASURED


@pytest.mark.parametrize(
    "chosen", [{"max_connections": 5}, {"mcp": True}, {"trusted_proxies": ["10.0.0.7"]}, {"catalogs": ["shoes"]}]
)
def test_what_a_service_does_besides_answering_is_not_measured(chosen: dict[str, Any]) -> None:
    """Answers are known by the settings that they were measured with."""
    usual, other = (SettingsOverlay(Settings(_env_file=None, **given)) for given in ({}, chosen))
    assert other.lay({}).values == usual.lay({}).values


def test_what_configurations_share_follows_from_their_settings(tmp_path: Path) -> None:
    one, weight, model, index = read(
        tmp_path,
        HEAD
        + """configurations:
  - {name: one}
  - {name: weight, fusion_weight: 0.5}
  - {name: model, engine_model: other}
  - {name: index, index_type: HNSW}
""",
    ).configurations
    assert engine_fingerprint(one) == engine_fingerprint(weight) != engine_fingerprint(model)
    assert one.encoder_key() == model.encoder_key() == index.encoder_key()
    assert one.store_key() == weight.store_key() != index.store_key()


def test_other_weights_are_another_engine(tmp_path: Path) -> None:
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(b"1")
    (one,) = read(tmp_path, HEAD + f"configurations: [{{name: a, engine_path: {weights}}}]").configurations
    before = engine_fingerprint(one)
    weights.write_bytes(b"22")
    assert engine_fingerprint(one) != before


def test_the_demo_experiment_is_an_example_that_works() -> None:
    with as_file(files("service.lab") / "demo.yaml") as path:
        demo = read_experiment(path, SettingsOverlay(Settings(_env_file=None)))
    assert demo.data.kind == "demo"
    assert not settings_of(demo.configurations[0]).rerank.enabled
    reranking = [settings_of(one).rerank for one in demo.configurations]
    listwise = {one.fusion_weight for one in reranking if one.enabled and one.strategy == "listwise"}
    assert listwise == {0.0, 0.25, 0.5, 0.75, 1.0}
    assert "single-token" in {one.strategy for one in reranking}
    assert demo.queries is not None and demo.queries >= 300

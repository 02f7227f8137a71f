"""A run: what configurations share, what is exact, what a kill costs, and that the same seed gives the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL.Image import Image

from rerank.engines.engine import Generation
from rerank.errors import EngineError
from rerank.query import Query
from service.build import assemble, build_rerank
from service.catalog.document_form import DEFAULT_FORM
from service.catalog.documents import Documents
from service.catalog.records import make_record
from service.cli.setups import SettingsMaker
from service.images.sources import UploadedImage
from service.images.store.image_store import ImageStore
from service.lab.judged import DataSet, LabDocument, LabQuery
from service.lab.lab_errors import DataSetError, ExperimentError, LabError
from service.lab.query_choice import draw
from service.lab.run_folder import RunFolder
from service.lab.runner import Results, query_digest, run_experiment
from service.lab.summary import summarize
from service.search.hybrid import hybrid_options
from service.search.types import SearchRequest
from service.stores.exact.exact_store import ExactStore
from service.stores.store import Vector, row_id
from tests.fakes import FakeEncoder
from tests.unit.service.lab.bench_fakes import (
    DOCUMENTS,
    EXPERIMENT,
    QUERIES,
    Counting,
    fake_engine,
    prepared,
    run,
    without,
)


def orders(results: Results) -> dict[str, list[tuple[str, ...]]]:
    return {one.configuration.name: [outcome.final for outcome in one.outcomes] for one in results.answered}


def test_configurations_share_models_embeddings_captions_and_rerank_calls(tmp_path: Path) -> None:
    counting = Counting()
    results = run(*prepared(tmp_path / "set"), tmp_path / "out", counting)
    assert results.fresh == 5 * QUERIES
    assert (counting.encoders_loaded, counting.engines_loaded) == (1, 1)
    assert len(counting.encoder.seen) == DOCUMENTS + QUERIES
    assert counting.captions == QUERIES
    assert counting.rank_calls == QUERIES  # three fusion weights, one call
    assert len(counting.engine.scored) == QUERIES


def _document(document: LabDocument, image: Image) -> Query:
    """What is encoded of a document in service."""
    found = DEFAULT_FORM.document(document, image)
    assert found is not None
    return found


def test_outcomes_are_those_of_the_service_itself(tmp_path: Path) -> None:
    """The same images and settings through parts that were wired without anything of the lab."""
    experiment, data = prepared(tmp_path / "set")
    results = run(experiment, data, tmp_path / "out", Counting())
    for one in results.answered:
        make = one.configuration.setup.make
        assert isinstance(make, SettingsMaker)
        settings = make.settings
        images, store, encoder = ImageStore(tmp_path / "images"), ExactStore(), FakeEncoder()
        store.ensure(Documents(encoder).info)
        for document in data.documents.values():
            assert document.image is not None
            key = images.put(document.image.read())
            vector = encoder.encode([_document(document, images.open(key).image)]).vectors[0]
            store.upsert([make_record(document, row_id(document.id, 0), vector, image_key=key, content_hash="", now=0)])
        rerank = build_rerank(settings, lambda _: fake_engine())
        parts = assemble(encoder=encoder, store=store, images=images, rerank=rerank, settings=settings)
        for query, outcome in zip(data.queries.values(), one.outcomes, strict=True):
            assert query.image is not None
            hybrid = hybrid_options(settings.search.hybrid_defaults(), query.text)
            request = SearchRequest(query.text, UploadedImage(query.image.read()), limit=10, hybrid=hybrid)
            direct = parts.ready().pipeline.search(
                replace(request, rerank=replace(request.rerank, enabled=settings.rerank.enabled))
            )
            assert outcome.final == tuple(result.product.id for result in direct.results)
            assert outcome.caption == direct.caption
            assert outcome.reason == direct.rerank.reason
            assert outcome.fault == direct.rerank.fault


def test_a_stopped_run_goes_on_without_doing_anything_twice(tmp_path: Path) -> None:
    experiment, data = prepared(tmp_path / "set")
    whole = run(experiment, data, tmp_path / "whole", Counting())
    stopped, out = Counting(), tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        run(experiment, data, out, stopped, stop_after=QUERIES + 4)
    for journal in out.glob("*/*.jsonl"):
        journal.write_bytes(journal.read_bytes() + b'{"digest":"torn in the mid')
    resumed = Counting()
    results = run(experiment, data, out, resumed)
    assert results.fresh == 5 * QUERIES - (QUERIES + 4)
    assert stopped.rank_calls + resumed.rank_calls == QUERIES
    assert stopped.captions + resumed.captions == QUERIES
    assert orders(results) == orders(whole)
    again = Counting()
    assert run(experiment, data, out, again).fresh == 0
    assert (again.engines_loaded, len(again.encoder.seen)) == (0, 0)


def test_a_query_that_was_changed_is_asked_again_and_no_other(tmp_path: Path) -> None:
    experiment, data = prepared(tmp_path / "set")
    run(experiment, data, tmp_path / "out", Counting())
    changed = replace(data.queries["q3"], text="another wish")
    again = run(experiment, replace(data, queries={**data.queries, "q3": changed}), tmp_path / "out", Counting())
    assert again.fresh == 5


def test_another_weight_needs_no_model_call(tmp_path: Path) -> None:
    experiment, data = prepared(tmp_path / "set")
    run(without(experiment, lambda name: name == "listwise"), data, tmp_path / "out", Counting())
    later = Counting()
    results = run(without(experiment, lambda name: name == "half"), data, tmp_path / "out", later)
    assert results.fresh == QUERIES
    assert not later.engine.asked


def test_the_seed_decides_which_queries_are_drawn(tmp_path: Path) -> None:
    _, data = prepared(tmp_path / "set")
    drawn = [list(draw(data, 3, seed).queries) for seed in (1, 1, 2, 3, 4)]
    assert drawn[0] == drawn[1]
    assert len({tuple(each) for each in drawn}) > 1
    assert all(each == sorted(each) for each in drawn)
    assert set(draw(data, 3, 1).judgments or {}) == set(drawn[0])
    assert draw(data, 100, 1) is data


def test_a_failing_engine_fails_alike_for_all_weights_and_is_asked_once(tmp_path: Path) -> None:
    counting = Counting()
    counting.engine.answer = EngineError("broken")
    experiment, data = prepared(tmp_path / "set")
    results = run(without(experiment, lambda name: name != "single"), data, tmp_path / "out", counting)
    assert counting.rank_calls == QUERIES
    for one in results.answered[1:]:
        assert {outcome.degraded for outcome in one.outcomes} == {"rerank_error"}
        assert all(outcome.final == tuple(id for id, _ in outcome.retrieved) for outcome in one.outcomes)


def test_what_a_model_server_left_without_an_answer_is_asked_again(tmp_path: Path) -> None:
    """Answers that a configuration gives, such as one that nothing can be read in, are results and stay."""
    experiment, data = prepared(tmp_path / "set")
    listwise, down = without(experiment, lambda name: name == "listwise"), Counting()
    down.engine.answer = EngineError("down")
    first = run(listwise, data, tmp_path / "out", down)
    assert {outcome.degraded for outcome in first.answered[0].outcomes} == {"rerank_error"}
    nonsense = Counting()
    nonsense.engine.answer = lambda request: Generation("Certainly!", "stop")
    second = run(listwise, data, tmp_path / "out", nonsense)
    assert second.fresh == nonsense.rank_calls == QUERIES
    assert {outcome.degraded for outcome in second.answered[0].outcomes} == {"rerank_unusable"}
    third = run(listwise, data, tmp_path / "out", Counting())
    assert (third.fresh, third.answered[0].outcomes) == (0, second.answered[0].outcomes)


def test_queries_that_nobody_judged_are_neither_drawn_nor_asked_and_are_named(tmp_path: Path) -> None:
    experiment, data = prepared(tmp_path / "set")
    judged = replace(data, judgments={id: (data.judgments or {})[id] for id in ("q1", "q4")})
    retrieval = without(experiment, lambda name: name == "retrieval")
    for seed in range(4):
        one = replace(retrieval, queries=1, seed=seed)
        (answered,) = run(one, judged, tmp_path / "out", Counting()).answered
        assert {outcome.query for outcome in answered.outcomes} < {"q1", "q4"}
    results = run(retrieval, judged, tmp_path / "out", Counting())
    assert list(results.data.queries) == ["q1", "q4"] and results.unjudged == ("q0", "q2", "q3", "q5")
    assert summarize(results)[0].scores.units == ("q1", "q4")


def test_excluded_documents_and_galleries(tmp_path: Path) -> None:
    experiment, data = prepared(tmp_path / "set")
    first = data.queries["q0"]
    queries: dict[str, LabQuery] = {
        "q0": replace(first, excluded=frozenset({"d0", "d5"})),
        "q1": replace(data.queries["q1"], gallery=("d1", "d2", "d3", "d9")),
        "q2": replace(data.queries["q2"], subset=("d1", "d2", "d3"), excluded=frozenset({"d3"})),
    }
    changed = replace(data, queries=queries, judgments={id: (data.judgments or {})[id] for id in queries})
    for one in run(experiment, changed, tmp_path / "out", Counting()).answered:
        without_some, among, with_subset = one.outcomes
        assert len(without_some.final) == 10 and not {"d0", "d5"} & set(without_some.final)
        assert set(among.final) == {"d1", "d2", "d3", "d9"}
        assert set(with_subset.subset) == {"d1", "d2"}
        assert len(with_subset.final) == 10 and "d3" not in with_subset.final


def check_first_score(results: Results, data: DataSet, vector: Vector) -> None:
    """The first result of the only query has its cosine to a vector."""
    (outcome,) = results.answered[0].outcomes
    document = data.documents[outcome.final[0]]
    assert document.image is not None
    best = FakeEncoder().encode([_document(document, document.image.open().image)]).vectors[0]
    assert outcome.retrieved[0][1] == pytest.approx(float(best @ vector), abs=1e-5)


def test_several_wordings_are_searched_as_their_mean(tmp_path: Path) -> None:
    experiment, data = prepared(tmp_path / "set")
    query = replace(data.queries["q0"], wordings=("the other way round",))
    changed = replace(data, queries={"q0": query}, judgments={"q0": {"d0": 1}})
    results = run(without(experiment, lambda name: name == "retrieval"), changed, tmp_path / "out", Counting())
    assert query.image is not None
    image = query.image.open().image
    unit = FakeEncoder().encode([Query(text, image) for text in (query.text, *query.wordings)]).vectors
    mean = unit.mean(axis=0) / np.linalg.norm(unit.mean(axis=0))
    check_first_score(results, data, mean)


def test_several_images_are_searched_as_their_mean(tmp_path: Path) -> None:
    experiment, data = prepared(tmp_path / "set")
    first, other = data.queries["q0"], data.queries["q1"]
    assert first.image is not None and other.image is not None
    query = replace(first, more_images=(other.image,))
    changed = replace(data, queries={"q0": query}, judgments={"q0": {"d0": 1}})
    results = run(without(experiment, lambda name: name == "retrieval"), changed, tmp_path / "out", Counting())
    unit = FakeEncoder().encode([Query(first.text, ref.open().image) for ref in (first.image, other.image)]).vectors
    mean = unit.mean(axis=0) / np.linalg.norm(unit.mean(axis=0))
    check_first_score(results, data, mean)
    assert query_digest(query) != query_digest(first)


def test_times_count_what_was_shared(tmp_path: Path) -> None:
    """A configuration that was spared the model call is charged for it."""
    results = run(*prepared(tmp_path / "set"), tmp_path / "out", Counting())
    listwise, half = results.answered[1], results.answered[2]
    for measured, spared in zip(listwise.outcomes, half.outcomes, strict=True):
        assert spared.timings_ms["embed"] == pytest.approx(measured.timings_ms["embed"], abs=20)
        assert set(spared.timings_ms) >= {"decode", "embed", "retrieve", "load", "caption", "rerank", "total"}
        assert (spared.prompt_tokens, spared.generated_tokens) == (105, 23)


def test_a_folder_belongs_to_one_process(tmp_path: Path) -> None:
    held = RunFolder(tmp_path / "out")
    with pytest.raises(ExperimentError, match="Another process"):
        RunFolder(tmp_path / "out")
    held.close()
    RunFolder(tmp_path / "out").close()


def test_milvus_lite_gives_the_order_of_exact_search(tmp_path: Path) -> None:
    text = """
name: stores
data: {kind: jsonl, path: .}
measures: [nDCG@5]
settings: {rerank_enabled: false}
configurations:
  - {name: exact, k: 5}
  - {name: lite, k: 5, store_uri: STORE, index_type: FLAT}
"""
    experiment, data = prepared(tmp_path / "set", text.replace("STORE", str(tmp_path / "lab.db")))
    exact, lite = run(experiment, data, tmp_path / "out", Counting()).answered
    assert [outcome.final for outcome in exact.outcomes] == [outcome.final for outcome in lite.outcomes]


def test_an_image_that_breaks_off_names_its_file(tmp_path: Path) -> None:
    experiment, data = prepared(tmp_path / "set")
    path = tmp_path / "set" / "d3.png"
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(DataSetError, match=r"d3\.png"):
        run(experiment, data, tmp_path / "out", Counting())


def test_all_images_that_cannot_be_used_are_named_before_anything_is_embedded(tmp_path: Path) -> None:
    experiment, data = prepared(tmp_path / "set")
    for name in ("d3.png", "d12.png", "q5.png"):
        path = tmp_path / "set" / name
        path.write_bytes(path.read_bytes()[:60])
    counting = Counting()
    with pytest.raises(DataSetError, match=r"3 images cannot be used: .*d3\.png.*d12\.png.*q5\.png.*leave_out"):
        run(experiment, data, tmp_path / "out", counting)
    assert not counting.encoders_loaded


def test_images_that_cannot_be_used_are_left_out_with_what_depends_on_them(tmp_path: Path) -> None:
    """q2 has good d2 and fair d3, q3 good d3 and fair d4; d0 and d1 are all that q0 has."""
    text = EXPERIMENT.replace("path: .}", "path: ., unreadable: leave_out}")
    experiment, data = prepared(tmp_path / "set", text)
    for name in ("d0.png", "d1.png", "d3.png", "q5.png"):
        path = tmp_path / "set" / name
        path.write_bytes(path.read_bytes()[:60])
    results = run(without(experiment, lambda name: name == "retrieval"), data, tmp_path / "out", Counting())
    assert list(results.data.queries) == ["q1", "q2", "q3", "q4"]
    assert (results.data.judgments or {})["q3"] == {"d4": 1} and len(results.data.documents) == DOCUMENTS - 3
    assert [one.partition(":")[0] for one in results.left_out] == [
        "document d0",
        "document d1",
        "document d3",
        "query q5",
    ]


@pytest.mark.parametrize(("measure", "fault"), [("R@11", "gives 10 results, and .* 11"), ("R@2000", "2000")])
def test_measures_that_look_deeper_than_a_search_are_told_before_any_work(
    tmp_path: Path, measure: str, fault: str
) -> None:
    experiment, data = prepared(tmp_path / "set")
    counting = Counting()
    with pytest.raises(LabError, match=fault):
        run(replace(experiment, measures=(measure,)), data, tmp_path / "out", counting)
    assert not counting.encoders_loaded


def test_a_search_goes_as_deep_as_the_measures(tmp_path: Path) -> None:
    experiment, data = prepared(tmp_path / "set")
    (only,) = without(experiment, lambda name: name == "retrieval").configurations
    shallow = replace(data, protocol=replace(data.protocol, depth=3))
    deep = replace(experiment, measures=("R@12",), configurations=(replace(only, k=None),))
    (answered,) = run(deep, shallow, tmp_path / "out", Counting()).answered
    assert {len(outcome.final) for outcome in answered.outcomes} == {12}


def test_queries_that_ask_for_nothing_are_told_before_any_work(tmp_path: Path) -> None:
    experiment, data = prepared(tmp_path / "set")
    silent = replace(data, queries={id: LabQuery(id) for id in data.queries})
    with pytest.raises(LabError, match="neither text nor image"):
        run(experiment, silent, tmp_path / "out", Counting())


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("encoder: nobody", "line 5, configurations[1].encoder: there is no encoder 'nobody'"),
        ("engine: nobody", "line 5, configurations[1].engine: there is no engine 'nobody'"),
        ("strategy: shuffle", "line 5, configurations[1].strategy: there is no strategy 'shuffle'"),
        ("rank_prompt: rank-none", "line 5, configurations[1].rank_prompt: there is no prompt 'rank-none'"),
        ("prompts_dir: nowhere", "line 5, configurations[1].prompts_dir: the prompts are not valid"),
    ],
)
def test_what_the_last_configuration_names_must_exist_before_the_file_is_used(
    tmp_path: Path, wrong: str, told: str
) -> None:
    head = "name: a\ndata: {kind: jsonl, path: .}\nconfigurations:\n  - {name: first}\n"
    with pytest.raises(ExperimentError) as caught:
        prepared(tmp_path / "set", f"{head}  - {{name: last, {wrong}}}\n")
    assert told in caught.value.detail


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        # The engine of this test gives no scores of single products, which shows when it is loaded.
        (
            "configurations:\n  - {name: first, k: 10}\n  - {name: last, strategy: pointwise, k: 10}",
            "line 5, configurations[1].strategy: strategy cannot be pointwise",
        ),
        ("measures: [nDCG@5, R_subset@1]\nconfigurations: [{name: a}]", "line 3, measures[1]: R_subset@1 needs"),
        ("measures: [R@50]\nconfigurations: [{name: a, k: 20}]", "line 4, configurations[0].k: 'a' gives 20 results"),
        (
            "measures: [nDCG@5, AP]\nconfigurations:\n  - {name: a, k: 10}\n  - {name: b, k: 12}",
            "line 6, configurations[1].k: 'b' gives 12 results and 'a' 10, and AP looks at all",
        ),
        ("configurations: [{name: a, k: 10}, {name: b}]", "and RR looks at all of them. Give both the same k"),
    ],
)
def test_what_cannot_be_measured_is_told_in_the_words_of_the_file_before_anything_is_embedded(
    tmp_path: Path, lines: str, told: str
) -> None:
    experiment, data = prepared(tmp_path / "set", f"name: a\ndata: {{kind: jsonl, path: .}}\n{lines}\n")
    counting = Counting()
    with pytest.raises(ExperimentError) as caught:
        run(experiment, data, tmp_path / "out", counting)
    assert told in caught.value.detail and "WITHTHIS" not in caught.value.detail
    assert not counting.encoder.seen and not counting.engine.asked


def test_an_encoder_that_cannot_be_loaded_is_told_with_its_place(tmp_path: Path) -> None:
    text = "name: a\ndata: {kind: jsonl, path: .}\nconfigurations: [{name: a, encoder: clip, encoder_path: nowhere}]\n"
    experiment, data = prepared(tmp_path / "set", text)
    folder = RunFolder(tmp_path / "out")
    with pytest.raises(ExperimentError, match=r"line 3, configurations\[0\]"):
        run_experiment(experiment, data, folder, progress=lambda *_: None)
    folder.close()

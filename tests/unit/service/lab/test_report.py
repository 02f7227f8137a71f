"""The summary, what is written, and the report: complete, escaped, and fetched from nowhere."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.measure import Measurement

from rerank.degraded import Degraded
from service.cli.evaluate_tables import INTERVAL, show_summaries, that_fit
from service.cli.row_tables import table
from service.lab.configuration import Price
from service.lab.datasets import load_dataset
from service.lab.judged import RankedList
from service.lab.publish import numbers, publish, publish_runs
from service.lab.report import csv_table, latex_table, render_report
from service.lab.report.plots import apart
from service.lab.runner import Results
from service.lab.summary import Summary, recall_name, signed, small_sample, summarize
from service.lab.trec import read_qrels, read_run
from tests.unit.service.lab.bench_fakes import QUERIES, Counting, prepared, run, write_set

HOSTILE = """<img src=x onerror=alert(1)> "quoted" & $m^2$ </style>"""


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """An experiment whose every name wants to be code."""
    folder = tmp_path_factory.mktemp("report")
    experiment, _ = prepared(folder / "set")
    write_set(folder / "set", title=HOSTILE)
    first, second, *others = experiment.configurations
    chosen = (first, replace(second, name=HOSTILE, price=Price(1.0, 10.0)), *others)
    experiment = replace(experiment, name=HOSTILE, configurations=chosen)
    data = load_dataset("jsonl", folder / "set")
    queries = {id: replace(query, text=f"{HOSTILE} {id}") for id, query in data.queries.items()}
    return run(experiment, replace(data, queries=queries), folder / "out", Counting())


@pytest.fixture(scope="module")
def summaries(results: Results) -> tuple[Summary, ...]:
    return summarize(results)


@pytest.fixture(scope="module")
def text(results: Results, summaries: tuple[Summary, ...]) -> str:
    return render_report(results, summaries)


class Page(HTMLParser):
    """Collects tags, addresses and text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words += data


def test_the_summary_is_what_the_outcomes_say(results: Results, summaries: tuple[Summary, ...]) -> None:
    retrieval, listwise, _, none, single = summaries
    assert retrieval.reranking is None and not retrieval.comparisons and retrieval.cost is None
    assert listwise.reranking is not None
    assert listwise.reranking.faults == {"ok": QUERIES}
    assert (listwise.reranking.prompt_tokens, listwise.reranking.generated_tokens) == (105, 23)
    assert listwise.cost == pytest.approx((105 * 1.0 + 23 * 10.0) / 1000)
    assert none.comparisons["nDCG@5"].difference == 0
    assert none.comparisons["nDCG@5"].p_corrected == 1
    for one in summaries:
        assert one.estimates["nDCG@5"].low <= one.estimates["nDCG@5"].mean <= one.estimates["nDCG@5"].high
        assert one.retrieval.mean("nDCG@5") == pytest.approx(retrieval.scores.mean("nDCG@5"))
        assert one.latency["total"].p50 <= one.latency["total"].p95
    assert summarize(results)[1].estimates == listwise.estimates
    assert single.reranking is not None and single.reranking.repaired == 0


def test_the_report_is_one_page_that_fetches_nothing(text: str) -> None:
    page = Page(text)
    names = {tag for tag, _ in page.tags}
    assert not names & {"script", "img", "link", "iframe", "object", "base", "form"}
    for tag, attributes in page.tags:
        for name, value in attributes.items():
            assert not name.startswith("on"), (tag, name)
            if name in ("href", "xlink:href", "src"):
                assert (value or "").startswith("#")
    addresses = re.findall(r"url\(([^)]{1,12})", text)
    assert addresses and all(address.startswith(("data:image/w", "#")) for address in addresses)
    assert "@import" not in text
    assert "default-src 'none'" in text


def test_everything_from_outside_is_escaped(text: str) -> None:
    page = Page(text)
    assert "<img" not in text
    assert page.words.count("onerror=alert(1)") >= 4  # shown as text: name, configuration, queries
    assert text.count("</style>") == 1


def test_what_the_model_says_is_escaped(results: Results, summaries: tuple[Summary, ...]) -> None:
    text = render_report(replace(results, answered=results.answered[:2]), summaries[:2])
    assert "<dd>1 &lt; 2 &amp; 3 &gt; 2</dd>" in text


def test_slices_have_every_measure_with_its_difference_and_intervals(
    results: Results, summaries: tuple[Summary, ...], text: str
) -> None:
    written = json.loads(json.dumps(numbers(results, summaries)))["configurations"]
    for one, summary in zip(written, summaries, strict=True):
        found = one["slices"]["task"]["odd"]
        assert found["size"] == QUERIES // 2 and set(found["estimates"]) == {"nDCG@5", "R@5"}
        assert set(found["differences"]) == (set() if summary is summaries[0] else {"nDCG@5", "R@5"})
        assert all(each["low"] <= each["mean"] <= each["high"] for each in found["differences"].values())
    assert "nDCG@5 by task" in text and "R@5 by task" in text
    shift = summaries[1].slices["task"]["odd"].differences["R@5"]
    assert f"{signed(shift.low)} … {signed(shift.high)}" in text


def test_what_weakens_the_numbers_is_said(results: Results, summaries: tuple[Summary, ...], text: str) -> None:
    assert f"Only {QUERIES} queries" in text and "p, corrected for 4 comparisons, cannot be below 0.12" in text
    listwise = results.answered[1]
    broken = (listwise.outcomes[0].model_copy(update={"degraded": Degraded.TIMEOUT}), *listwise.outcomes[1:])
    changed = replace(results, answered=(results.answered[0], replace(listwise, outcomes=broken)), unjudged=("q77",))
    found = summarize(changed)
    page, table = render_report(changed, found), Console(width=80, record=True, file=io.StringIO())
    show_summaries(table, changed, found)
    told = " ".join(table.export_text().split())
    assert "1 without an answer of the model server" in page and "1 of 6 queries got no answer" in told
    assert "q77" in page and "nobody judged were left out (1): q77" in told and f"Only {QUERIES} queries" in told
    assert numbers(changed, found)["configurations"][1]["answers_missing"] == 1


def test_what_cannot_be_told_is_not_told(results: Results) -> None:
    """Of equal differences, nothing follows about those that could have been found."""
    same = replace(results, answered=tuple(replace(one) for one in (results.answered[0], results.answered[3])))
    found = summarize(same)
    assert found[1].comparisons["nDCG@5"].detectable is None
    page = render_report(same, found)
    assert f"Only {QUERIES} queries" in page and "four experiments of five" not in page
    assert '<span class="no difference">no difference</span>' in page
    assert small_sample(1) == "Only 1 query: intervals are wide, and hold for any number of them (Gaffke's bounds)."
    assert "; p cannot be below 0.031." in (small_sample(6, [found[1].comparisons["nDCG@5"]]) or "")


@pytest.mark.parametrize("width", [80, 160])
def test_tables_fit_the_terminal_with_every_number_whole(results: Results, width: int) -> None:
    names = ("nDCG@5", "R@1", "R@5", "Success(rel=3)@1", "RR(rel=3)@9", "R(rel=3)@9", "AP@5", "P@5")
    plain = tuple(
        replace(one, configuration=replace(one.configuration, name=f"a configuration, number {number}"))
        for number, one in enumerate(results.answered)
    )
    wide = replace(results, experiment=replace(results.experiment, name="e", measures=names), answered=plain)
    table = Console(width=width, record=True, file=io.StringIO())
    show_summaries(table, wide, summarize(wide))
    text = table.export_text()
    assert "…" not in text.replace("…+", "").replace("…-", "") and all(len(line) <= width for line in text.splitlines())
    assert all(name in text for name in names)


def test_the_measures_of_cirr_fit_eighty_columns_to_the_column() -> None:
    measures = ("R@5", "R@10", "R@50", "R_subset@1", "R_subset@2", "R_subset@3")
    console = Console(width=80)
    for names in (["configuration", "a"], ["configuration", "listwise, fusion 0.25", "a" * 60]):
        groups = list(that_fit(measures, INTERVAL, names, 80))
        assert [name for group in groups for name in group] == list(measures)
        for group, following in zip(groups, [*groups[1:], ["R"]], strict=True):
            wide = table("t", *group, following[0])
            for shown in (tight := table("t", *group)), wide:
                shown.add_row(max(names, key=len)[:24], *["0.123–0.456"] * len(shown.columns[1:]))
            assert Measurement.get(console, console.options, tight).maximum <= 80
            last = following == ["R"]
            assert last or Measurement.get(console, console.options.update(max_width=200), wide).maximum > 80


def test_a_single_configuration_is_compared_with_nothing(results: Results, summaries: tuple[Summary, ...]) -> None:
    alone = replace(results, answered=results.answered[:1])
    text, table = render_report(alone, summaries[:1]), Console(width=80, record=True, file=io.StringIO())
    show_summaries(table, alone, summaries[:1])
    for told in (text, table.export_text()):
        assert (
            "win / tie" not in told
            and "win/tie" not in told
            and "difference" not in told.replace("differences", "")
            and "compared with the first" not in told
        )


def test_the_report_shows_all_that_was_asked_for(text: str, summaries: tuple[Summary, ...]) -> None:
    page = Page(text)
    assert [tag for tag, _ in page.tags].count("svg") == 2 + 4
    for one in summaries:
        assert one.name in page.words
        assert f"{one.estimates['nDCG@5'].mean:.3f}" in page.words
        assert one.answered.key in page.words
    assert "a leopard" in page.words  # the caption
    assert "nDCG@5 by task" in page.words
    assert "fusion_weight: 0.5" in page.words
    for variable in re.findall(r"var\((--[a-z0-9-]+)\)", text):
        assert f"{variable}:" in text


def test_the_same_results_make_the_same_page(text: str, results: Results, summaries: tuple[Summary, ...]) -> None:
    assert render_report(results, summaries) == text


def test_what_is_written_can_be_read_again(results: Results, summaries: tuple[Summary, ...], tmp_path: Path) -> None:
    written = publish(results, summaries, tmp_path)
    numbers = json.loads(written.numbers.read_text("utf-8"))
    assert [one["name"] for one in numbers["configurations"]] == [one.name for one in summaries]
    assert numbers["configurations"][1]["measures"]["nDCG@5"]["mean"] == summaries[1].estimates["nDCG@5"].mean
    runs = sorted((tmp_path / "runs").glob("*.run"))
    assert len(runs) == len(summaries)
    for path, one in zip(runs, results.answered, strict=True):
        known = {outcome.query: RankedList(outcome.final) for outcome in one.outcomes}
        assert read_run(path).rankings == known
    assert read_qrels(tmp_path / "runs" / "judgments.qrels") == dict(results.data.judgments or {})
    assert not (tmp_path / "runs" / "subsets").exists()
    assert written.report.stat().st_size > 10_000


@given(st.lists(st.floats(0.05, 1e5), min_size=1, max_size=12))
def test_points_of_the_same_time_are_drawn_side_by_side_in_their_order(times: list[float]) -> None:
    moved = apart(times)
    logs = np.sort(np.log(moved))
    assert (np.diff(logs) >= 0.03 * (np.ptp(np.log(np.maximum(times, 0.1))) + 1.2) - 1e-9).all()
    pairs = [(one, other) for one in range(len(times)) for other in range(one)]
    assert all(times[one] <= times[other] or moved[one] > moved[other] for one, other in pairs)
    assert apart([10.0, 1000.0]) == pytest.approx([10, 1000])


def test_orders_of_subsets_are_runs_of_their_own(results: Results, tmp_path: Path) -> None:
    """For R_subset, as CIRR's queries have them."""
    first = results.answered[0]
    outcomes = tuple(one.model_copy(update={"subset": one.final[1::-1]}) for one in first.outcomes)
    publish_runs(replace(results, answered=(replace(first, outcomes=outcomes),)), tmp_path)
    [path] = (tmp_path / "runs" / "subsets").glob("*.run")
    assert read_run(path).rankings == {one.query: RankedList(one.final[1::-1]) for one in first.outcomes}


@pytest.mark.parametrize(
    ("measures", "family"),
    [
        (("nDCG@9", "Success(rel=3)@1", "R(rel=3)@9"), "R(rel=3)"),
        (("nDCG@9", "Success@1"), "Success"),
        (("mAP@5", "RR"), "R"),
        (("R@10", "R_subset@1"), "R"),
    ],
)
def test_the_curve_is_that_of_the_recall_asked_for(measures: tuple[str, ...], family: str) -> None:
    assert recall_name(measures) == family


def test_the_csv_table_has_every_number_of_the_results(results: Results, summaries: tuple[Summary, ...]) -> None:
    rows = list(csv.DictReader(io.StringIO(csv_table(summaries))))
    found = {(row["configuration"], row["slice"], row["measure"]): row for row in rows}
    assert len(found) == len(rows)
    for one in summaries:
        for measure, estimate in one.estimates.items():
            row = found[one.name, "", measure]
            assert [float(row[name]) for name in ("mean", "low", "high")] == pytest.approx(
                [estimate.mean, estimate.low, estimate.high], abs=1e-6
            )
            compared = one.comparisons.get(measure)
            assert row["difference"] == (f"{compared.difference:.6f}" if compared else "")
            assert row["difference_low"] == (f"{compared.low:.6f}" if compared else "")
            assert row["p"] == (f"{compared.p:.6g}" if compared else "")
            of_slice = found[one.name, "task:odd", measure]
            assert bool(of_slice["difference_high"]) == bool(compared) and not of_slice["p"]
        assert {tag for _, tag, _ in found} == {"", "task:even", "task:odd", *tags_of_composition(one)}


def tags_of_composition(one: Summary) -> set[str]:
    return {f"composition:{tag}" for tag in one.slices.get("composition", {})}


def test_the_latex_table_escapes_names_and_marks_the_best(summaries: tuple[Summary, ...]) -> None:
    measures = list(summaries[0].estimates)
    text = latex_table(summaries, measures)
    body = text.split(r"\midrule")[1]
    assert r"\& \$m\textasciicircum{}2\$" in body and body.count(r" \\") == len(summaries)
    for place, measure in enumerate(measures, start=1):
        column = [row.split(" & ")[place] for row in body.replace(r"\& ", "").split("\n") if row.endswith(r"\\")]
        best = max(one.estimates[measure].mean for one in summaries)
        assert any(rf"\textbf{{{best:.3f}}}" in cell for cell in column)

"""`python -m benchmarks.tuning`: what `withthis tune` learns of users who prefer something, and of nothing.

In the demo shop, simulated users ask for a kind of product with a motif. Of what fits, they want dark colors, or a
brand that only titles name, which no query says and no encoder knows: grade 7 for a fitting product that is as they
like it, 2 for another one that fits, 1 for one of the kind or motif alone that is as they like it. "chance" has the
grades of "dark" on documents that are drawn, by another seed in each row: whatever is exported there is a false alarm.
"""

from __future__ import annotations

import json
import random
import subprocess
import tempfile
import time
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.machine import ROOT
from benchmarks.report import Report, Sheet, Value
from benchmarks.service_process import COMMAND
from service.lab.demo import demo_data
from service.lab.judged import DataSet, LabQuery
from starter.demo_shop import make_shop

PRODUCTS = 900
DARK = {"black", "purple", "blue"}
BRANDS = ("Norda", "Velio", "Kestrel", "Amaro", "Lumen")
"""Drawn for each product; users like the first."""
FITS = 3
"""The least grade of the demo's queries that means kind and motif."""
REFUSED = 3
EXPERIMENT = """
name: dark colors
data: {{kind: jsonl, path: ., judgments: {judgments}}}
measures: [nDCG@9]
configurations: [{{name: retrieval, rerank_enabled: false}}]
"""

Grades = Mapping[str, Mapping[str, int]]


def preferred(data: DataSet, liked: Collection[str]) -> Grades:
    """The grades of users who like some of the documents."""

    def grade(document: str, fits: int) -> int:
        return (7 if document in liked else 2) if fits >= FITS else int(document in liked)

    judged = data.require_judgments()
    return {query: {id: grade(id, fits) for id, fits in grades.items()} for query, grades in judged.items()}


def by_chance(grades: Grades, documents: Iterable[str], seed: int) -> Grades:
    """The same grades, on documents that are drawn for each query."""
    rng, names = random.Random(seed), list(documents)
    return {id: dict(zip(rng.sample(names, len(own)), own.values(), strict=True)) for id, own in grades.items()}


def write_set(folder: Path, queries: int) -> tuple[DataSet, dict[str, Grades]]:
    """The judged set without judgments, in the lab's own format; the data, and the grades by what users like."""
    feed = make_shop(folder / "shop", PRODUCTS)
    # Queries that name a color say what they want: two of five tasks.
    data = demo_data(feed, folder / "queries", queries=2 * queries)
    asked = [query for query in data.queries.values() if "C" not in _task(query).split()][:queries]
    rng = random.Random("brands")
    brands = {id: rng.choice(BRANDS) for id in data.documents}
    _write(folder / "documents.jsonl", (_document(data, id, brands[id], folder) for id in data.documents))
    _write(folder / "queries.jsonl", (_query(query, folder) for query in asked))
    dark = {id for id, document in data.documents.items() if document.attributes["colour"] in DARK}
    liked = {"dark": dark, "brand": {id for id, brand in brands.items() if brand == BRANDS[0]}}
    every = {name: preferred(data, documents) for name, documents in liked.items()}
    return data, {name: {query.id: grades[query.id] for query in asked} for name, grades in every.items()}


def tuned(folder: Path, name: str, grades: Grades) -> dict[str, Value]:
    """One run of the command."""
    lines = (f"{query} 0 {id} {grade}\n" for query, own in grades.items() for id, grade in own.items())
    (folder / f"{name}.qrels").write_text("".join(lines))
    (folder / f"{name}.yaml").write_text(EXPERIMENT.format(judgments=f"{name}.qrels"))
    command = [*COMMAND, "tune", str(folder / f"{name}.yaml")]
    began = time.perf_counter()
    done = subprocess.run(
        [*command, "--out", str(folder / "out"), "--json"], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode not in (0, REFUSED):
        raise SystemExit(done.returncode)
    found: dict[str, Any] = json.loads(done.stdout)
    parts = found["parts"]
    comparison = parts[0]["comparison"]
    return {
        "users": name,
        "before": comparison["baseline_mean"],
        "after": comparison["run_mean"],
        "difference": comparison["difference"],
        "p": comparison["p_corrected"],
        "exported": ", ".join(part["setting"] for part in parts if part["proven"]) or "nothing",
        "seconds": round(time.perf_counter() - began),
    }


def _task(query: LabQuery) -> str:
    return next(tag.partition(":")[2] for tag in query.tags if tag.startswith("task:"))


def _document(data: DataSet, id: str, brand: str, folder: Path) -> dict[str, Any]:
    found = data.documents[id]
    assert found.image is not None
    image = str(found.image.path.relative_to(folder))
    return {
        "id": id,
        "title": f"{brand} {found.title}",
        "image": image,
        "category": found.category,
        "price": found.price,
    }


def _query(query: LabQuery, folder: Path) -> dict[str, Any]:
    assert query.image is not None
    image = str(query.image.path.relative_to(folder))
    return {"id": query.id, "text": query.text, "image": image, "excluded": sorted(query.excluded)}


def _write(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))


def measure(queries: int, seeds: int) -> Report:
    """A row for each kind of users, and one for each seed of chance."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        data, grades = write_set(folder, queries)
        rows = [tuned(folder, name, own) for name, own in grades.items()]
        chance = (by_chance(grades["dark"], data.documents, seed) for seed in range(seeds))
        rows += [tuned(folder, f"chance {seed}", own) for seed, own in enumerate(chance)]
    forms = dict.fromkeys(("before", "after"), ".3f") | {"difference": "+.3f", "p": ".4f"}
    return Report([Sheet(f"nDCG@9 of {queries} unseen queries, with an adapter and without", rows, forms)])


def main(
    queries: Annotated[int, typer.Option(min=20, help="Judged queries.")] = 300,
    seeds: Annotated[int, typer.Option(min=0, help="Runs on grades by chance.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Measure and print."""
    measure(queries, seeds).show(as_json=as_json)


if __name__ == "__main__":
    typer.run(main)

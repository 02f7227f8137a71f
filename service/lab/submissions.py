"""Submission files for the evaluation servers of CIRR, CIRCO and FashionIQ.

- CIRR (`Test-split_server.md`): `{"version": "rc2", "metric": "recall", PAIRID: [50 names], …}`, and with
  `"recall_subset"` three names of the query's group; the reference is never among them; at most 5 MB.
- CIRCO (`README.md`): `{QUERY: [50 COCO numbers], …}` with all queries of the split.
- FashionIQ (`start_kit/eval.py`): for each category the caption file of the split in its order, each row with its
  `ranking`, names best first; the measures look at 50.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from service.lab.files import write_text
from service.lab.judged import DataSet, LabQuery, RankedList, Run
from service.lab.lab_errors import SubmissionError

CIRR_MAX_BYTES = 5_000_000
_RECALL_NAMES, _SUBSET_NAMES, _CIRCO_IDS, _FASHIONIQ_NAMES = 50, 3, 50, 50

ByQuery = Mapping[str, str | Sequence[str] | Sequence[int]]
Submission = ByQuery | Sequence[Mapping[str, object]]


def submissions(dataset: DataSet, run: Run) -> dict[str, Submission]:
    """File name → content, for the server of this data set; none where no server takes it. Raises SubmissionError."""
    if dataset.protocol.submission == "cirr":
        return {
            "cirr_recall.json": cirr_submission(dataset, run, "recall"),
            "cirr_recall_subset.json": cirr_submission(dataset, run, "recall_subset"),
        }
    if dataset.protocol.submission == "circo":
        return {"circo.json": circo_submission(dataset, run)}
    if dataset.protocol.submission == "fashioniq":
        return fashioniq_submissions(dataset, run)
    return {}


def cirr_submission(
    dataset: DataSet, run: Run, metric: Literal["recall", "recall_subset"], version: str = "rc2"
) -> ByQuery:
    """The content of a CIRR submission. Raises SubmissionError where a query has too few names, or foreign ones."""
    names = {id: _cirr_names(dataset, query, run, metric) for id, query in dataset.queries.items()}
    return {"version": version, "metric": metric, **names}


def circo_submission(dataset: DataSet, run: Run) -> ByQuery:
    """The content of a CIRCO submission. Raises SubmissionError where a query has too few ids, or foreign ones."""
    return {
        id: [int(document) for document in _first(dataset, id, run.rankings.get(id), _CIRCO_IDS)]
        for id in dataset.queries
    }


def fashioniq_submissions(dataset: DataSet, run: Run) -> dict[str, Submission]:
    """File name → content, a file for each category. Raises SubmissionError where a query has too few names."""
    files: dict[str, list[Mapping[str, object]]] = {}
    for id, query in dataset.queries.items():
        category = next(tag.partition(":")[2] for tag in query.tags if tag.startswith("category:"))
        ranking = _first(dataset, id, run.rankings.get(id), _FASHIONIQ_NAMES)
        files.setdefault(f"{category}.test.pred.json", []).append({**query.official, "ranking": ranking})
    return dict(files)


def write_submission(path: Path, submission: Submission) -> None:
    """Write the file. Raises SubmissionError if it is larger than CIRR's server takes, and LabError if it cannot be."""
    text = json.dumps(submission, separators=(",", ":"))
    if "metric" in submission and len(text.encode()) > CIRR_MAX_BYTES:
        raise SubmissionError("The file would be larger than the 5 MB that CIRR's server accepts.")
    write_text(path, [text])


def _cirr_names(dataset: DataSet, query: LabQuery, run: Run, metric: str) -> list[str]:
    ranking = run.rankings.get(query.id)
    if metric == "recall":
        return _first(dataset, query.id, ranking and ranking.without(query.excluded), _RECALL_NAMES)
    order = run.subsets.get(query.id, ranking)
    members = query.subset or ()
    return _first(dataset, query.id, order and order.within(members).without(query.excluded), _SUBSET_NAMES)


def _first(dataset: DataSet, query: str, ranking: RankedList | None, count: int) -> list[str]:
    """The first documents of a ranking, which must be as many as the server wants and all of the gallery."""
    documents = list(ranking.documents[:count]) if ranking else []
    if len(documents) < count:
        raise SubmissionError(f"The query {query} has {len(documents)} documents, and the server expects {count}.")
    if foreign := [document for document in documents if document not in dataset.documents]:
        raise SubmissionError(f"The query {query} has {foreign[0]!r}, which is not in the gallery of {dataset.name}.")
    return documents

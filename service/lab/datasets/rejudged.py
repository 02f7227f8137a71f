"""A data set with judgments other than its own, such as those of `withthis judge`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from service.lab.judged import DataSet
from service.lab.lab_errors import DataSetError
from service.lab.trec import qrels_rows


def rejudged(data: DataSet, qrels: Path) -> DataSet:
    """The queries that the file judges, and its judgments in place of the data set's own.

    Raises:
        DataSetError: a query or document that the data set does not have, a second judgment of a pair, or no judgment
            at all; with file and line.
    """
    judgments: dict[str, dict[str, int]] = {}
    for place, query, document, grade in qrels_rows(qrels):
        if query not in data.queries:
            raise place.error(f"the query {query!r} is not in the data set {data.name}")
        if document not in data.documents:
            raise place.error(f"the document {document!r} is not in the data set {data.name}")
        judgments.setdefault(query, {})[document] = grade
    if not judgments:
        raise DataSetError("the file has no judgments", file=qrels)
    queries = {id: query for id, query in data.queries.items() if id in judgments}
    protocol = replace(data.protocol, submission=None, unjudged=False)
    return replace(data, queries=queries, judgments=judgments, protocol=protocol)

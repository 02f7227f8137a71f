"""TREC qrels as a data set: sufficient to measure runs, not to create one."""

from __future__ import annotations

from pathlib import Path

from service.lab.judged import DataSet, LabDocument, LabQuery, Protocol
from service.lab.lab_errors import DataSetError
from service.lab.trec import read_qrels

_NOTE = "Only judged documents are known, and queries have no text: this set measures runs from other systems."


def read(path: Path) -> DataSet:
    """Read a qrels file. Raises DataSetError."""
    judgments = read_qrels(path)
    if not judgments:
        raise DataSetError("the file has no judgments", file=path)
    documents = {document: LabDocument(document) for grades in judgments.values() for document in grades}
    queries = {query: LabQuery(query) for query in judgments}
    protocol = Protocol(("nDCG@10", "RR", "AP", "R@100"), depth=1000, note=_NOTE)
    return DataSet(path.stem, documents, queries, judgments, protocol)

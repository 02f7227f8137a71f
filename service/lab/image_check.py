"""Which images of a data set can be decoded: all of them are looked at before anything is embedded or asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from service.errors import InvalidImage
from service.lab.dataset_image import ImageRef
from service.lab.digests import digest
from service.lab.journal import Journal
from service.lab.judged import DataSet, LabQuery
from service.lab.lab_errors import DataSetError

SHOWN = 20


class ImageCheck:
    """Decodes images once; what was found is in a journal, by content. Close it at the end."""

    def __init__(self, journal: Journal) -> None:
        """Takes ownership of the journal. If it is damaged, closes it and raises ExperimentError."""
        self._journal = journal
        self._known: dict[str, str | None] = dict(journal.load(lambda row: (row["key"], row["fault"])))

    def fault(self, ref: ImageRef) -> str | None:
        """Why an image cannot be used; None if it can."""
        try:
            data = ref.read()
        except InvalidImage as error:
            return error.detail
        key = digest("picture", data, repr(ref.box))
        if key not in self._known:
            self._known[key] = _decoding_fault(ref)
            self._journal.append({"key": key, "fault": self._known[key]})
        return self._known[key]

    def close(self) -> None:
        """Close the journal."""
        self._journal.close()


def _decoding_fault(ref: ImageRef) -> str | None:
    try:
        ref.open()
    except InvalidImage as error:
        return error.detail
    return None


def usable(
    data: DataSet, check: ImageCheck, *, leave_out: bool, step: Callable[[int, int], None]
) -> tuple[DataSet, tuple[str, ...]]:
    """The data set with images that can be used, and what was left out, in words; `step` gets what is done, and all.

    Raises DataSetError that names every image that cannot be used, unless those are to be left out.
    """
    images = [one.image for one in data.documents.values()] + [one.image for one in data.queries.values()]
    refs = list(dict.fromkeys(image for image in images if image is not None))
    faults: dict[ImageRef, str] = {}
    for done, ref in enumerate(refs, start=1):
        if (fault := check.fault(ref)) is not None:
            faults[ref] = fault.rstrip(".")
        step(done, len(refs))
    if faults and not leave_out:
        raise DataSetError(f"{_told(faults)} Mend them, or write `unreadable: leave_out` under `data`.")
    return (_without(data, faults), tuple(_lost(data, faults))) if faults else (data, ())


def _told(faults: Mapping[ImageRef, str]) -> str:
    each = [f"{ref.path}: {fault}" for ref, fault in faults.items()]
    more = f"; and {len(each) - SHOWN:,} more" if len(each) > SHOWN else ""
    return f"{len(each):,} images cannot be used: {'; '.join(each[:SHOWN])}{more}."


def _lost(data: DataSet, faults: Mapping[ImageRef, str]) -> Iterable[str]:
    named = [("document", id, one.image) for id, one in data.documents.items()]
    named += [("query", id, query.image) for id, query in data.queries.items()]
    for what, id, image in named:
        if image is not None and image in faults:
            yield f"{what} {id}: {faults[image]}"


def _without(data: DataSet, faults: Mapping[ImageRef, str]) -> DataSet:
    """The data set without these images: their documents and queries, and queries whose relevant documents are gone."""
    documents = {id: one for id, one in data.documents.items() if one.image not in faults}
    judgments = {
        query: {document: grade for document, grade in grades.items() if document in documents}
        for query, grades in (data.judgments or {}).items()
    }
    lost = {id for id, grades in (data.judgments or {}).items() if _relevant(grades) and not _relevant(judgments[id])}
    asked = (one for one in data.queries.values() if one.image not in faults and one.id not in lost)
    queries = {query.id: _among(query, documents) for query in asked}
    kept = {query: grades for query, grades in judgments.items() if query in queries}
    return replace(data, documents=documents, queries=queries, judgments=None if data.judgments is None else kept)


def _relevant(grades: Mapping[str, int]) -> bool:
    return any(grade > 0 for grade in grades.values())


def _among(query: LabQuery, documents: Mapping[str, object]) -> LabQuery:
    """The query with its gallery, subset and exclusions among the documents that are left."""

    def kept(ids: tuple[str, ...] | None) -> tuple[str, ...] | None:
        return None if ids is None else tuple(id for id in ids if id in documents)

    excluded = frozenset(id for id in query.excluded if id in documents)
    return replace(query, gallery=kept(query.gallery), subset=kept(query.subset), excluded=excluded)

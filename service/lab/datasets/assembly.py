"""Rows of a data set → the data set; contradictions are errors with their location."""

from __future__ import annotations

from pathlib import Path

from service.lab.dataset_rows import Place
from service.lab.datasets.image_folder import ImageFolder
from service.lab.judged import DataSet, LabDocument, LabQuery, Protocol
from service.lab.lab_errors import DataSetError


class Assembly:
    """Collects documents, then queries, then judgments. Every method raises DataSetError with the given location."""

    def __init__(self, name: str, images: Path) -> None:
        """`images`: the folder that all images are below."""
        self.name = name
        self.images = ImageFolder(images)
        self.documents: dict[str, LabDocument] = {}
        self.queries: dict[str, LabQuery] = {}
        self.judgments: dict[str, dict[str, int]] = {}

    def add_document(self, document: LabDocument, place: Place) -> None:
        """Take a document; its id must be new, and there must be something of it to embed."""
        if document.id in self.documents:
            raise place.error(f"the document {document.id!r} appears twice")
        if document.image is None and document.words is None:
            raise place.error(f"the document {document.id!r} has neither an image nor words")
        self.documents[document.id] = document

    def add_query(self, query: LabQuery, place: Place) -> None:
        """Take a query; its id must be new, and it must ask for something."""
        if query.id in self.queries:
            raise place.error(f"the query {query.id!r} appears twice")
        if not (query.text or "").strip() and query.image is None:
            raise place.error(f"the query {query.id!r} has neither a text nor an image")
        self.queries[query.id] = query

    def document(self, id: str, what: str, place: Place) -> LabDocument:
        """A document that a row refers to; `what` is its role there ("the reference")."""
        try:
            return self.documents[id]
        except KeyError:
            raise place.error(f"{what} {id!r} is not in the gallery") from None

    def judge(self, query: str, document: str, grade: int, place: Place) -> None:
        """Take a judgment of a known document for a known query; each pair once."""
        if query not in self.queries:
            raise place.error(f"the query {query!r} is not known")
        self.document(document, "the judged document", place)
        grades = self.judgments.setdefault(query, {})
        if document in grades:
            raise place.error(f"the document {document!r} is judged twice for the query {query!r}")
        grades[document] = grade

    def finish(self, protocol: Protocol, *, judged: bool = True, check_images: bool = True) -> DataSet:
        """The data set. `judged`: its ground truth is public; `check_images`: check the images first."""
        if not self.documents or not self.queries:
            raise DataSetError(f"{self.name} has no {'queries' if self.documents else 'documents'}.")
        if judged and not self.judgments:
            raise DataSetError(f"{self.name} has no judgments.")
        if check_images:
            self.images.check()
        return DataSet(self.name, self.documents, self.queries, self.judgments if judged else None, protocol)

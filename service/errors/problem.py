"""The root of the tree of errors, and its shape as an RFC 9457 problem document."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

PROBLEM_NAMESPACE = "urn:withthis:problem:"


class WithThisError(Exception):
    """Base of all errors: HTTP `status`, stable `type` slug, `title`, and a `detail` that says what to do."""

    status: int = 500
    type: ClassVar[str] = "error"
    title: str = "Something went wrong"
    default_detail: ClassVar[str] = "The request could not be completed. Try again; if it fails again, check the log."

    def __init__(self, detail: str | None = None, **extensions: object) -> None:
        """Take a `detail` that replaces the class's own text, and extra members for the problem document."""
        self.detail: str = detail or self.default_detail
        self.extensions: Mapping[str, object] = extensions
        super().__init__(self.detail)

    @property
    def places(self) -> Sequence[Mapping[str, str]]:
        """The wrong places of a request, each with `pointer` and `detail`."""
        given = self.extensions.get("errors", ())
        return given if isinstance(given, (list, tuple)) else ()

    def problem(self) -> dict[str, object]:
        """The members of an RFC 9457 problem document (extensions never replace the standard ones)."""
        return {
            **self.extensions,
            "type": PROBLEM_NAMESPACE + self.type,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
        }

"""One call as a value: what is sent, and how its answer is parsed. No network here.

Both clients send these, so requests are built and answers parsed in one place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, Generic, Literal, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, ValidationError

from service.client.errors import AnswerError, problem_error
from service.client.retry import retry_after_s
from service.wire.catalogs import catalog_path

Answer = TypeVar("Answer")
Model = TypeVar("Model", bound=BaseModel)
NO_SERVICE = "The client does not understand this answer. Check the URL, and that the service is not older."


class _Default(Enum):
    UNCHANGED = "unchanged"

    def __repr__(self) -> str:
        return self.name


Unchanged = Literal[_Default.UNCHANGED]
UNCHANGED: Final = _Default.UNCHANGED
"""The default of a change, since None is one: it removes a value."""


@dataclass(frozen=True, slots=True)
class Call(Generic[Answer]):
    """A request and the reader of its answer. `repeatable`: sending it twice does what sending it once does;
    `of_catalog`: it is about a catalog, so that its path is another one for each.
    """

    method: str
    path: str
    read: Callable[[httpx.Response], Answer]
    repeatable: bool = True
    of_catalog: bool = True
    options: Mapping[str, Any] = field(default_factory=dict)

    def path_in(self, catalog: str | None) -> str:
        """The path of this call for a catalog; None: the default one."""
        if catalog is None or not self.of_catalog:
            return self.path
        return f"{catalog_path(quote(catalog, safe=''))}{self.path.removeprefix('/v1')}"

    def answer(self, response: httpx.Response) -> Answer:
        """The parsed answer. Raises ProblemError, or AnswerError if it cannot be parsed."""
        if not response.is_success:
            raise problem_error(response.status_code, _problem(response), retry_after_s(response.headers))
        return self.read(response)


def into(model: type[Model]) -> Callable[[httpx.Response], Model]:
    """A reader of JSON. Fields that a newer service adds are ignored."""

    def read(response: httpx.Response) -> Model:
        try:
            return model.model_validate_json(response.content, extra="ignore")
        except ValidationError as error:
            raise AnswerError(NO_SERVICE) from error

    return read


def nothing(_: httpx.Response) -> None:
    """The reader of an empty answer."""


def content(response: httpx.Response) -> bytes:
    """The reader of bytes."""
    return response.content


def given(**values: Any) -> dict[str, Any]:
    """The values that are not None; the rest is left to the service's settings."""
    return {name: value for name, value in values.items() if value is not None}


def _problem(response: httpx.Response) -> Mapping[str, Any]:
    """The problem document; empty for responses of proxies."""
    try:
        found = response.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) and "detail" in found else {}

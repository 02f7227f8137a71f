"""The JSON of `/v1/search/batch`: several searches in one request, each with an outcome of its own."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from service.wire.limits import MAX_BATCH_SEARCHES
from service.wire.search import SearchBody, SearchOut
from service.wire.strict_model import StrictModel


class SearchBatchBody(StrictModel):
    """Several searches; one that cannot be answered does not keep the others from being answered."""

    searches: Annotated[list[SearchBody], Field(min_length=1, max_length=MAX_BATCH_SEARCHES)] = Field(
        description="each as `/v1/search` takes it"
    )


class SearchOutcomeOut(StrictModel):
    """The outcome of one search: `status` is that of `/v1/search`, and one of `answer` and `error` is null."""

    status: int
    answer: SearchOut | None = None
    error: dict[str, Any] | None = Field(default=None, description="a problem document")


class SearchBatchOut(StrictModel):
    """The outcomes, in the order of the searches."""

    outcomes: list[SearchOutcomeOut]

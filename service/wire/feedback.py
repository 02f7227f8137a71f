"""The JSON of `/v1/feedback`."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import BaseModel, Field

from service.wire.strict_model import StrictModel

FeedbackKind = Literal["click", "add_to_cart", "purchase"]
FEEDBACK_KINDS: tuple[FeedbackKind, ...] = get_args(FeedbackKind)

MAX_EVENTS = 100
MAX_FEEDBACK_BYTES = 256 * 1024
"""Twice the size of that many events with the longest possible ids, each character escaped."""


class FeedbackBody(StrictModel):
    """What a user did with one product of an answer."""

    query_id: str = Field(pattern=r"^[0-9a-f]{32}$", description="`id` of the answer")
    product_id: str = Field(min_length=1, max_length=256, description="a product of that answer")
    event: FeedbackKind = Field(description="what the user did")
    position: Annotated[int, Field(ge=1, le=1_000_000)] | None = Field(
        default=None, description="the product's `rank` in the answer"
    )


class FeedbackOut(BaseModel):
    """How many events were accepted."""

    accepted: int

"""Feedback: from JSON to events."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, RootModel

from service.search.online.feedback import Feedback
from service.server.requests.validation import parse_body
from service.wire.feedback import MAX_EVENTS, FeedbackBody


class _Several(RootModel[Annotated[list[FeedbackBody], Field(min_length=1, max_length=MAX_EVENTS)]]):
    """Events of any queries."""


def parse_feedback(raw: bytes) -> list[Feedback]:
    """The events of a body. Raises InvalidInput."""
    several = raw.lstrip()[:1] == b"["
    bodies = parse_body(_Several, raw).root if several else [parse_body(FeedbackBody, raw)]
    return [Feedback(**body.model_dump()) for body in bodies]

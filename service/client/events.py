"""The events of a streamed search (server-sent events, WHATWG HTML 9.2), read line by line."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Literal

from pydantic import ValidationError

from service.client.call import NO_SERVICE
from service.client.errors import AnswerError, problem_error
from service.wire.search import SearchOut

STREAM_PATH = "/v1/search/stream"


@dataclass(frozen=True, slots=True)
class StreamedAnswer:
    """An answer to a search: in the retrieval order at once, then in the final one."""

    event: Literal["retrieved", "ranked"]
    answer: SearchOut


class EventReader:
    """Parses lines into answers."""

    def __init__(self) -> None:
        self._fields: dict[str, str] = {}

    def feed(self, line: bytes) -> StreamedAnswer | None:
        """Take a line in UTF-8; the answer that it completes, if any.

        Raises:
            ProblemError: the service failed after it had begun to answer.
            AnswerError: an event that the client does not understand.
        """
        if line:
            name, _, value = line.decode().partition(":")
            if name:  # a comment has none
                self._fields[name] = value.removeprefix(" ")
            return None
        fields, self._fields = self._fields, {}
        return _answer(fields["event"], fields.get("data", "")) if "event" in fields else None


def _answer(event: str, data: str) -> StreamedAnswer | None:
    if event == "problem":
        problem = json.loads(data)
        raise problem_error(problem["status"], problem, None)
    if event not in ("retrieved", "ranked"):  # one of a newer service
        return None
    try:
        answer = SearchOut.model_validate_json(data, extra="ignore")
    except ValidationError as error:
        raise AnswerError(NO_SERVICE) from error
    return StreamedAnswer("retrieved" if event == "retrieved" else "ranked", answer)

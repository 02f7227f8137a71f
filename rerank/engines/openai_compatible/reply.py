"""What a server says, in a chat completion or its list of models. For any input: an answer or an EngineError."""

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rerank.engines.engine import Generation
from rerank.errors import EngineError
from rerank.parser import PARSE_LIMIT
from rerank.sanitize import clean_text

__all__ = ["model_names", "read_generation", "read_scores"]

_LABEL = re.compile(r"\W*([A-Z])\W*")
_REFUSAL_LIMIT = 1000
_THOUGHTS = ("reasoning_content", "reasoning")
"""The names of the message field with the model's thoughts, by server."""
_BELOW = 1e-3
_LARGEST = 1e6
"""No log probability is this far from 0: it keeps out infinities, NaN, and integers that no float can represent."""


def read_generation(reply: object, labels: Sequence[str] = ()) -> Generation:
    """The text of the first choice, truncated after what the parser reads; `labels`: of the candidates of a rank task.

    Servers that set thoughts apart sometimes mistake a constrained answer for one, and leave `content` empty. A thought
    may quote, weigh and discard orders, so it is an answer only if all of it is one: the expected JSON object, with
    every label once. Anything less is read as nothing.

    A refusal in a field of its own becomes the text of a ranked answer, cleaned, so that no label is read out of it; as
    a caption it would mislead, and so would a thought: there both are empty. EngineError if the reply is not a
    chat completion.
    """
    choice = _first_choice(reply)
    message = choice["message"]
    refusal = clean_text(message["refusal"], _REFUSAL_LIMIT) if isinstance(message.get("refusal"), str) else ""
    text = _text(message.get("content"))
    if labels and not text.strip():
        text = _answer_among_thoughts(message, labels) or refusal
    usage = reply.get("usage") if isinstance(reply, dict) else None
    return Generation(
        text[: PARSE_LIMIT + 1],  # one more than is read, so that the parser detects the truncation
        "length" if choice.get("finish_reason") == "length" else "stop",
        prompt_tokens=_count(usage, "prompt_tokens"),
        generated_tokens=_count(usage, "completion_tokens"),
    )


def read_scores(reply: object, labels: Sequence[str]) -> tuple[float, ...]:
    """The log probability of each label as the first token, in label order.

    Log probabilities are logits up to one constant, which is all that a softmax or an order needs. Spellings of one
    label ("A", " A") count together. A server names the most likely tokens only: a label that is not among them is less
    likely than the least of those, so it gets just below that value. That keeps the order right and is an upper bound
    of what it has; between two such labels nothing is known and they are equal.
    EngineError if no label is named at all, or there are no log probabilities.
    """
    named = list(_alternatives(reply))
    scores = {label: _log_sum([value for token, value in named if _is(token, label)]) for label in labels}
    if all(score is None for score in scores.values()):
        raise EngineError("the model server lists no label among the most likely first tokens")
    floor = min(value for _, value in named) - _BELOW
    return tuple(floor if score is None else score for score in scores.values())


def model_names(reply: object) -> tuple[str, ...]:
    """The ids in a list of models, as the server wrote them. EngineError if the reply is not such a list."""
    match reply:
        case {"data": [*entries]}:
            return tuple(
                name for entry in entries if isinstance(entry, dict) and isinstance(name := entry.get("id"), str)
            )
    raise EngineError("the model server's reply is not a list of models")


def _first_choice(reply: object) -> dict[str, Any]:
    match reply:
        case {"choices": [{"message": dict()} as choice, *_]}:
            return dict(choice)
    raise EngineError("the model server's reply is not a chat completion")


def _answer_among_thoughts(message: Mapping[str, object], labels: Sequence[str]) -> str:
    """The one field of thoughts that is a whole answer, unchanged; empty if none is."""
    for name in _THOUGHTS:
        thought = message.get(name)
        if isinstance(thought, str) and len(thought) <= PARSE_LIMIT and _is_whole_answer(thought, labels):
            return thought
    return ""


def _is_whole_answer(text: str, labels: Sequence[str]) -> bool:
    try:
        match json.loads(text):
            case {"ranking": [*named]}:
                return len(named) == len(labels) and all(label in named for label in labels)
    except (ValueError, RecursionError):
        pass
    return False


def _text(content: object) -> str:
    """Text, or the text of its parts; anything else is not a text."""
    if isinstance(content, list):
        parts = (part.get("text") for part in content if isinstance(part, dict))
        return "".join(part for part in parts if isinstance(part, str))
    return content if isinstance(content, str) else ""


def _count(usage: object, name: str) -> int:
    """A number of tokens; 0 if the server does not say."""
    number = usage.get(name) if isinstance(usage, dict) else None
    return number if isinstance(number, int) and number > 0 else 0


def _alternatives(reply: object) -> Iterator[tuple[str, float]]:
    """The tokens that could have come first, with their log probabilities."""
    match _first_choice(reply):
        case {"logprobs": {"content": [{"top_logprobs": [*entries]}, *_]}}:
            for entry in entries:
                match entry:
                    case {"token": str(token), "logprob": int() | float() as value} if abs(value) <= _LARGEST:
                        yield token, float(value)
        case _:
            raise EngineError("the model server's reply has no log probabilities")


def _is(token: str, label: str) -> bool:
    match = _LABEL.fullmatch(token)
    return match is not None and match[1] == label


def _log_sum(values: Sequence[float]) -> float | None:
    """log Σ exp, without leaving the range of floats; None of nothing."""
    if not values:
        return None
    top = max(values)
    return top + math.log(sum(math.exp(value - top) for value in values))

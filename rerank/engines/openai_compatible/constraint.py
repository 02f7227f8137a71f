"""Constraints on an answer, in the dialect of a server.

vllm         `structured_outputs`, vLLM 0.11 and later. A grammar of llguidance holds the answer to a permutation: start
             the server with `--structured-outputs-config.backend guidance`, because xgrammar, which its default tries
             first, cannot read the grammar and refuses the request.
json_schema  `response_format`: OpenAI and hosts like it, llama.cpp, Ollama, LM Studio. Length and labels are held,
             not that each label comes once: no JSON schema that a server takes can say so (`uniqueItems` is refused or
             ignored). The parser repairs the rest.
regex        `regex` next to the messages: SGLang. Holds what json_schema holds, and the spacing.
none         nothing is sent; the parser does all.
"""

from collections.abc import Sequence
from typing import Literal

from rerank.answer import ANSWER_PREFIX, ANSWER_SEPARATOR, ANSWER_SUFFIX
from rerank.permutation import permutation_grammar

__all__ = ["REASON_LIMIT", "Dialect", "label_fields", "ranking_fields"]

Dialect = Literal["vllm", "json_schema", "regex", "none"]

REASON_LIMIT = 400
"""Characters of the reason, where a dialect can bound it."""

Fields = dict[str, object]


def ranking_fields(dialect: Dialect, labels: Sequence[str]) -> Fields:
    """The fields of a body that hold its answer to a ranking of these labels; empty for "none"."""
    match dialect:
        case "vllm":
            return {"structured_outputs": {"grammar": permutation_grammar(labels, reason_limit=REASON_LIMIT)}}
        case "json_schema":
            schema = {"name": "ranking", "strict": True, "schema": _schema(labels)}
            return {"response_format": {"type": "json_schema", "json_schema": schema}}
        case "regex":
            return {"regex": _regex(labels)}
        case "none":
            return {}


def label_fields(labels: Sequence[str], *, inside: bool) -> Fields:
    """The fields, in vLLM's dialect, that hold an answer to one label.

    `inside`: it continues a text, so no space precedes the label. At the start of an answer some
    tokenizers write one.
    """
    spellings = list(labels) if inside else [*labels, *(f" {label}" for label in labels)]
    return {"structured_outputs": {"choice": spellings}}


def _schema(labels: Sequence[str]) -> Fields:
    """Within what all strict servers accept: every field required, no others, no bound on strings."""
    n = len(labels)
    ranking = {"type": "array", "items": {"type": "string", "enum": list(labels)}, "minItems": n, "maxItems": n}
    return {
        "type": "object",
        "properties": {"ranking": ranking, "reason": {"type": "string"}},
        "required": ["ranking", "reason"],
        "additionalProperties": False,
    }


def _regex(labels: Sequence[str]) -> str:
    """The answer in the parser's preferred format. Labels are letters, so nothing in them needs escaping."""
    label = f"[{''.join(labels)}]"
    more = f"({_escaped(ANSWER_SEPARATOR)}{label}){{{len(labels) - 1}}}"
    reason = rf'[^"\\\x00-\x1f]{{0,{REASON_LIMIT}}}'
    return f'{_escaped(ANSWER_PREFIX)}{label}{more}{_escaped(ANSWER_SUFFIX)}{reason}"\\}}'


def _escaped(text: str) -> str:
    """Escape what is special in every dialect of regular expressions, and nothing else."""
    return "".join(f"\\{char}" if char in "{}[]" else char for char in text)

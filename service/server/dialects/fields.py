"""The fields of other services' requests, as data.

A field is one of three kinds. It is *supported*, under another name (`aliases`). It has *no effect* here, whatever its
value, or for values that match the behavior here (`ForeignField.harmless`). Or it would change the meaning of the
answer, and is *refused* with a reason. A field in no table is refused as unknown. `null` is the same as leaving a field
out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from service.errors import InvalidInput, InvalidValue, UnknownField
from service.server.requests.json_pointers import escaped

NOT_KNOWN = "This field is not known. Remove it or check its spelling."
TWICE = "This was given twice, under two names. Send one of them."

_CUT_AT_THE_END = "Long texts are truncated at the end, and the answer says which. Leave it out."
_RELEVANCE_ONLY = "Scores are those described at /schema; raw scores are not available. Leave it out."
_UNIT_LENGTH = "Embeddings always have length 1."
_ONE_VECTOR = "Each input gives one embedding of 32-bit floats. Leave it out."


@dataclass(frozen=True, slots=True)
class ForeignField:
    """A field that this service does not use.

    `harmless` None: it has no effect, whatever its value. Otherwise only these values have none, and `refusal` is the
    answer to any other; an empty tuple refuses all.
    """

    sent_by: str
    harmless: tuple[object, ...] | None = None
    refusal: str = ""

    def takes(self, value: object) -> bool:
        """Whether this value can be ignored."""
        return self.harmless is None or value in self.harmless


@dataclass(frozen=True, slots=True)
class Dialect:
    """The foreign fields and other names of one request.

    `aliases`: their name → ours. `combined`: fields that the body's own `prepared` makes others of.
    """

    aliases: Mapping[str, str]
    foreign: Mapping[str, ForeignField]
    combined: frozenset[str] = frozenset()

    def read(self, body: dict[str, Any], own: frozenset[str]) -> dict[str, Any]:
        """The body in our own names; `own` are the fields that the service knows.

        Raises:
            UnknownField, InvalidValue: `errors` names the places.
        """
        kept: dict[str, Any] = {}
        wrong: dict[str, str] = {}
        for name, value in body.items():
            ours, foreign = self.aliases.get(name, name), self.foreign.get(name)
            if foreign is None and ours not in own | self.combined:
                wrong[name] = NOT_KNOWN
            elif value is None or (foreign is not None and foreign.takes(value)):
                continue
            elif foreign is not None:
                wrong[name] = foreign.refusal
            elif ours in kept:
                wrong[name] = TWICE
            else:
                kept[ours] = value
        if wrong:
            raise _refused(wrong)
        return kept


def _refused(wrong: Mapping[str, str]) -> InvalidInput:
    kind = UnknownField if set(wrong.values()) == {NOT_KNOWN} else InvalidValue
    return kind(errors=[{"pointer": pointer_of(name), "detail": detail} for name, detail in wrong.items()][:20])


def pointer_of(name: str) -> str:
    """RFC 6901. Long names are cut: they are the caller's own words."""
    return f"/{escaped(name)}"[:200]


_ANYWHERE: Mapping[str, ForeignField] = {
    "user": ForeignField("OpenAI, vLLM, LiteLLM"),
    "priority": ForeignField("Cohere, vLLM"),
    "request_id": ForeignField("vLLM"),
    "cache_salt": ForeignField("vLLM"),
    "truncate_prompt_tokens": ForeignField("vLLM, Milvus"),
    "truncation_side": ForeignField("vLLM", ("right",), _CUT_AT_THE_END),
    "truncation_direction": ForeignField("TEI, Haystack", ("Right", "right"), _CUT_AT_THE_END),
    "truncate": ForeignField("TEI, Cohere, NVIDIA", (True, "END", "end"), _CUT_AT_THE_END),
    "truncation": ForeignField("Voyage, Milvus", (True,), _CUT_AT_THE_END),
    "add_special_tokens": ForeignField("vLLM", (True,), "The model's own special tokens are always added."),
}

RERANK = Dialect(
    aliases={"top_k": "top_n", "instruct": "instruction"},
    foreign={
        **_ANYWHERE,
        "max_chunks_per_doc": ForeignField("Cohere v1, LangChain, SiliconFlow"),
        "max_tokens_per_doc": ForeignField("Cohere v2, LiteLLM"),
        "max_chunk_length": ForeignField("Jina"),
        "max_doc_length": ForeignField("Jina"),
        "overlap_tokens": ForeignField("SiliconFlow, Milvus"),
        "raw_scores": ForeignField("TEI, Infinity, Haystack", (False,), _RELEVANCE_ONLY),
        "use_activation": ForeignField("vLLM", (True,), _RELEVANCE_ONLY),
        "activation": ForeignField("vLLM", (True,), _RELEVANCE_ONLY),
        "return_len": ForeignField("Xinference", (False,), "Lengths are not available; usage counts tokens."),
        "return_embeddings": ForeignField("Jina", (False,), "Use /v1/embeddings for embeddings."),
        "encoding_format": ForeignField("vLLM", ("float",), _RELEVANCE_ONLY),
        "rank_fields": ForeignField("Cohere v1", ([],), "A document is ranked as a whole. Send only what to rank."),
    },
)

SCORE = Dialect(
    aliases={
        "text_1": "queries",
        "text_2": "documents",
        "data_1": "queries",
        "data_2": "documents",
        "query": "queries",
        "items": "documents",
        "instruct": "instruction",
    },
    foreign=RERANK.foreign,
)

_VECTORS: Mapping[str, ForeignField] = {
    **_ANYWHERE,
    "normalize": ForeignField("TEI, Haystack, vLLM", (True,), _UNIT_LENGTH),
    "normalized": ForeignField("Jina", (True,), _UNIT_LENGTH),
    "use_activation": ForeignField("vLLM", (True,), _UNIT_LENGTH),
    "late_chunking": ForeignField("Jina", (False,), "Each input is embedded by itself."),
    "return_multivector": ForeignField("Jina", (False,), _ONE_VECTOR),
    "output_dtype": ForeignField("Voyage", ("float",), _ONE_VECTOR),
    "embed_dtype": ForeignField("vLLM", ("float32",), _ONE_VECTOR),
    "endianness": ForeignField("vLLM", ("native", "little"), "Numbers in base64 are little-endian."),
    "max_tokens": ForeignField("Cohere"),
    "add_generation_prompt": ForeignField("vLLM"),
    "continue_final_message": ForeignField("vLLM"),
}

_ROLES = {"input_type": "role", "task": "role", "task_type": "role", "prompt_name": "role"}

EMBEDDINGS = Dialect(
    aliases={
        **_ROLES,
        "inputs": "input",
        "texts": "input",
        "encoding_type": "encoding_format",
        "embedding_type": "encoding_format",
        "output_dimension": "dimensions",
    },
    foreign=_VECTORS,
    combined=frozenset({"messages", "modality"}),
)

CHAT_EMBEDDINGS = replace(EMBEDDINGS, foreign={**_VECTORS, "add_special_tokens": ForeignField("vLLM")})
"""The same with `messages`, whose special tokens come from the template: vLLM's own client sends false with them."""

EMBED = Dialect(aliases={**_ROLES, "output_dimension": "dimensions"}, foreign=_VECTORS)
"""Cohere's `/v1/embed` and `/v2/embed`, TEI's `/embed`."""

"""What servers of embeddings are asked, each in its own words.

vllm    `POST /embeddings` with chat `messages`, an input a request, as vLLM's chat template needs it; the instruction
        is the system turn. The server batches requests by itself.
        Source: vLLM, docs/models/pooling_models/embed.md, examples/pooling/embed/vision_embedding_online.py.
openai  `POST /embeddings` with a list `input`: OpenAI, TEI, vLLM for texts, infinity, which takes images as data URIs
        with `modality`. The instruction goes before the text. Source: OpenAI's API reference; infinity-emb 0.0.78.
cohere  `POST /embed` of v2 with `inputs`, whose parts are fused: Cohere, and vLLM, which speaks it, too.
        Source: docs.cohere.com/reference/embed.
voyage  `POST /multimodalembeddings`, whose parts are fused. Source: docs.voyageai.com/docs/multimodal-embeddings.
jina    `POST /embeddings` with a list of texts and images, and `task`. Source: jina.ai/embeddings.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rerank.query import Role
from service.encoders.options import DialectName

__all__ = ["DIALECTS", "Dialect", "Input", "Wanted"]

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Input:
    """One thing that a server embeds; `image` is a data URI. At least one of text and image is there."""

    text: str | None
    image: str | None
    role: Role
    instruction: str | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What every request to a server says: the model, and the dimension if not the model's own."""

    model: str
    dimensions: int | None


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one kind of server is asked.

    `fuses`: a text and an image make one vector there; elsewhere each makes its own. `most`: inputs that a request may
    hold. `together`: inputs with the same value of this may share a request. `vectors` are the lists of numbers in a
    reply, None if it has another shape. `instructs`: it has a place for an instruction.
    """

    path: str
    fuses: bool
    instructs: bool
    most: int
    together: Callable[[Input], object]
    body: Callable[[Sequence[Input], Wanted], Body]
    vectors: Callable[[object], Sequence[object] | None]


def _vllm(inputs: Sequence[Input], wanted: Wanted) -> Body:
    (one,) = inputs
    system = [{"role": "system", "content": [_text(one.instruction)]}] if one.instruction else []
    messages = [*system, {"role": "user", "content": _parts(one)}]
    cut = {"truncate_prompt_tokens": -1} if one.image is None else {}  # to what fits; it might cut an image in two
    return _openai_fields(wanted) | {"messages": messages} | cut


def _openai(inputs: Sequence[Input], wanted: Wanted) -> Body:
    if inputs[0].image is not None:
        return _openai_fields(wanted) | {"input": [one.image for one in inputs], "modality": "image"}
    return _openai_fields(wanted) | {"input": [f"{one.instruction or ''}{one.text}" for one in inputs]}


def _openai_fields(wanted: Wanted) -> Body:
    size = {} if wanted.dimensions is None else {"dimensions": wanted.dimensions}
    return {"model": wanted.model, "encoding_format": "float", **size}


def _cohere(inputs: Sequence[Input], wanted: Wanted) -> Body:
    size = {} if wanted.dimensions is None else {"output_dimension": wanted.dimensions}
    return {
        "model": wanted.model,
        "input_type": f"search_{inputs[0].role}",
        "inputs": [{"content": _parts(one)} for one in inputs],
        "embedding_types": ["float"],
        "truncate": "END",
        **size,
    }


def _voyage(inputs: Sequence[Input], wanted: Wanted) -> Body:
    size = {} if wanted.dimensions is None else {"output_dimension": wanted.dimensions}
    return {
        "model": wanted.model,
        "input_type": inputs[0].role,
        "inputs": [{"content": _voyage_parts(one)} for one in inputs],
        "truncation": True,
        **size,
    }


def _voyage_parts(one: Input) -> list[Body]:
    image = [] if one.image is None else [{"type": "image_base64", "image_base64": one.image}]
    return [*image, *([_text(one.text)] if one.text else [])]


def _jina(inputs: Sequence[Input], wanted: Wanted) -> Body:
    size = {} if wanted.dimensions is None else {"dimensions": wanted.dimensions}
    return {
        "model": wanted.model,
        "task": "retrieval.query" if inputs[0].role == "query" else "retrieval.passage",
        "input": [{"text": one.text} if one.image is None else {"image": one.image} for one in inputs],
        "embedding_type": "float",
        "truncate": True,
        **size,
    }


def _parts(one: Input) -> list[Body]:
    """The image before the text, as the models behind these servers were trained."""
    image = [] if one.image is None else [{"type": "image_url", "image_url": {"url": one.image}}]
    return [*image, *([_text(one.text)] if one.text else [])]


def _text(text: str | None) -> Body:
    return {"type": "text", "text": text}


def _in_data(reply: object) -> Sequence[object] | None:
    """OpenAI's shape: a list of objects with `index` and `embedding`; the index counts, not the place."""
    match reply:
        case {"data": [*items]} if all(isinstance(item, dict) for item in items):
            by_place = {item.get("index", place): item.get("embedding") for place, item in enumerate(items)}
            return [by_place.get(place) for place in range(len(items))]
    return None


def _in_float(reply: object) -> Sequence[object] | None:
    """Cohere's shape: a list for each type that was asked for."""
    match reply:
        case {"embeddings": {"float": [*vectors]}}:
            return vectors
    return None


def _role(one: Input) -> object:
    return one.role


def _modality(one: Input) -> object:
    return one.image is not None


def _role_and_modality(one: Input) -> object:
    return one.role, one.image is not None


DIALECTS: Mapping[DialectName, Dialect] = {
    "vllm": Dialect("/embeddings", True, True, 1, _role, _vllm, _in_data),
    "openai": Dialect("/embeddings", False, True, 2048, _modality, _openai, _in_data),
    "cohere": Dialect("/embed", True, False, 96, _role, _cohere, _in_float),
    "voyage": Dialect("/multimodalembeddings", True, False, 1000, _role, _voyage, _in_data),
    "jina": Dialect("/embeddings", False, False, 512, _role_and_modality, _jina, _in_data),
}

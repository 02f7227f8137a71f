"""How rerank servers are asked and how they answer, one entry a dialect.

vllm        `/score` with content parts: text and image on both sides, and an `instruction`, which a server whose
            template has no place for it ignores. vLLM, and another WithThis.
tei         `/rerank` with `texts`: Text Embeddings Inference; texts alone.
jina        `/rerank`: Jina's API, Infinity; a text or an image on each side, an image as base64.
cohere      `/rerank`: Cohere's API, version 2; texts alone.
voyage      `/rerank`: Voyage's API; texts alone. An instruction is the beginning of the query, as its models expect.
openrouter  `/rerank`: OpenRouter; the query is a text, a document a text, an image or both.

URLs hold the version, if the server has one: `http://127.0.0.1:8000/v1` for vLLM, `https://api.cohere.com/v2`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rerank.errors import EngineError
from rerank.scorers.scorer import Reads

__all__ = ["DIALECTS", "Asked", "Dialect", "DialectName", "WrittenSide"]

DialectName = Literal["vllm", "tei", "jina", "cohere", "voyage", "openrouter"]

Body = dict[str, object]


@dataclass(frozen=True, slots=True)
class WrittenSide:
    """One side of a pair; the image as a data URI."""

    text: str
    image: str | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """One request."""

    model: str
    query: WrittenSide
    documents: Sequence[WrittenSide]
    instruction: str


@dataclass(frozen=True, slots=True)
class Dialect:
    """`list_name`: of the results in the reply; None where the reply is the list. `score_name`: of a result's score."""

    path: str
    query: Reads
    documents: Reads
    instructable: bool
    body: Callable[[Asked], Body]
    list_name: str | None
    score_name: str

    def read(self, reply: object, n: int) -> list[Any]:
        """The scores of n documents in their order, as the server wrote them. EngineError for any other reply."""
        results = reply.get(self.list_name) if self.list_name and isinstance(reply, dict) else reply
        if not isinstance(results, list) or not all(isinstance(one, dict) for one in results):
            raise EngineError("the reranker's reply has no list of scores")
        scores = {one.get("index"): one.get(self.score_name) for one in results if _is_number(one.get("index"))}
        if len(results) != n or scores.keys() != set(range(n)) or not all(map(_is_number, scores.values())):
            raise EngineError(f"the reranker's reply does not have one score for each of {n} documents")
        return [scores[place] for place in range(n)]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _parts(side: WrittenSide) -> object:
    """A text, or content parts: the image before the text, as the models were trained."""
    if side.image is None:
        return side.text
    text = [{"type": "text", "text": side.text}] if side.text else []
    return {"content": [{"type": "image_url", "image_url": {"url": side.image}}, *text]}


def _vllm(asked: Asked) -> Body:
    return {
        "model": asked.model,
        "queries": [_parts(asked.query)],
        "documents": [_parts(one) for one in asked.documents],
        "instruction": asked.instruction,
    }


def _tei(asked: Asked) -> Body:
    return {
        "query": asked.query.text,
        "texts": [one.text for one in asked.documents],
        "raw_scores": False,
        "return_text": False,
        "truncate": True,
    }


def _jina(asked: Asked) -> Body:
    documents = [_image_or_text(one) for one in asked.documents]
    with_images = any("image" in one for one in documents)
    query = _image_or_text(asked.query)
    return {
        "model": asked.model,
        "query": query if "image" in query else asked.query.text,
        "documents": documents if with_images else [one.text for one in asked.documents],
        "return_documents": False,
    }


def _image_or_text(side: WrittenSide) -> dict[str, str]:
    return {"text": side.text} if side.image is None else {"image": side.image.partition(",")[2]}


def _cohere(asked: Asked) -> Body:
    return {"model": asked.model, "query": asked.query.text, "documents": [one.text for one in asked.documents]}


def _voyage(asked: Asked) -> Body:
    query = f"{asked.instruction}\n{asked.query.text}" if asked.instruction else asked.query.text
    texts = [one.text for one in asked.documents]
    return {"model": asked.model, "query": query, "documents": texts, "return_documents": False, "truncation": True}


def _openrouter(asked: Asked) -> Body:
    return {"model": asked.model, "query": asked.query.text, "documents": [_object(one) for one in asked.documents]}


def _object(side: WrittenSide) -> object:
    if side.image is None:
        return side.text
    return {"text": side.text, "image": side.image} if side.text else {"image": side.image}


DIALECTS: Mapping[DialectName, Dialect] = {
    "vllm": Dialect("/score", "both", "both", True, _vllm, "data", "score"),
    "tei": Dialect("/rerank", "text", "text", False, _tei, None, "score"),
    "jina": Dialect("/rerank", "either", "either", False, _jina, "results", "relevance_score"),
    "cohere": Dialect("/rerank", "text", "text", False, _cohere, "results", "relevance_score"),
    "voyage": Dialect("/rerank", "text", "text", True, _voyage, "data", "relevance_score"),
    "openrouter": Dialect("/rerank", "text", "both", False, _openrouter, "results", "relevance_score"),
}

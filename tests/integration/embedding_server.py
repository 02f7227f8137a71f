"""A server of embeddings for tests: speaks each published schema over real HTTP, strictly, or breaks as a test wants.

A field that a schema does not have is a 422. Vectors are a hash of what is to be embedded, so that each belongs to its
input and to nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Literal

import numpy as np
from litestar import Litestar, Request, Response, post
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from service.encoders.options import DialectName
from service.stores.store import Vector
from tests.integration.model_server import Answer, serving

DIMENSION = 16
MODEL = "test/model-1"

PATHS: dict[str, DialectName] = {
    "/vllm/embeddings": "vllm",
    "/openai/embeddings": "openai",
    "/cohere/embed": "cohere",
    "/voyage/multimodalembeddings": "voyage",
    "/jina/embeddings": "jina",
}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class TextPart(_Strict):
    type: Literal["text"]
    text: Annotated[str, Field(min_length=1)]


class Url(_Strict):
    url: Annotated[str, Field(pattern="^data:image/jpeg;base64,")]


class ImagePart(_Strict):
    type: Literal["image_url"]
    image_url: Url


class VoyageImagePart(_Strict):
    type: Literal["image_base64"]
    image_base64: Annotated[str, Field(pattern="^data:image/jpeg;base64,")]


class Message(_Strict):
    role: Literal["system", "user"]
    content: Annotated[list[TextPart | ImagePart], Field(min_length=1)]


class VllmRequest(_Strict):
    """vLLM, chat parameters of /v1/embeddings."""

    model: str
    messages: Annotated[list[Message], Field(min_length=1)]
    truncate_prompt_tokens: Annotated[int, Field(ge=-1)] | None = None
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = None


class OpenAIRequest(_Strict):
    """OpenAI's /v1/embeddings, and what infinity adds."""

    model: str
    input: Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=1, max_length=2048)]
    encoding_format: Literal["float", "base64"] = "float"
    modality: Literal["text", "image", "audio"] = "text"
    dimensions: int | None = None


class CohereInput(_Strict):
    content: Annotated[list[TextPart | ImagePart], Field(min_length=1)]


class CohereRequest(_Strict):
    """Cohere's /v2/embed."""

    model: str
    input_type: Literal["search_document", "search_query", "classification", "clustering"]
    inputs: Annotated[list[CohereInput], Field(min_length=1, max_length=96)]
    embedding_types: list[Literal["float", "int8", "uint8", "binary", "ubinary"]]
    truncate: Literal["NONE", "START", "END"] = "END"
    output_dimension: int | None = None


class VoyageInput(_Strict):
    content: Annotated[list[TextPart | VoyageImagePart], Field(min_length=1)]


class VoyageRequest(_Strict):
    """Voyage's /v1/multimodalembeddings."""

    model: str
    inputs: Annotated[list[VoyageInput], Field(min_length=1, max_length=1000)]
    input_type: Literal["query", "document"] | None = None
    truncation: bool = True
    output_dimension: int | None = None


class JinaText(_Strict):
    text: Annotated[str, Field(min_length=1)]


class JinaImage(_Strict):
    image: Annotated[str, Field(pattern="^data:image/jpeg;base64,")]


class JinaRequest(_Strict):
    """Jina's /v1/embeddings."""

    model: str
    input: Annotated[list[JinaText | JinaImage], Field(min_length=1, max_length=512)]
    task: Literal["retrieval.query", "retrieval.passage", "text-matching"]
    embedding_type: Literal["float", "base64"] = "float"
    truncate: bool = False
    dimensions: int | None = None


SCHEMAS: dict[DialectName, type[BaseModel]] = {
    "vllm": VllmRequest,
    "openai": OpenAIRequest,
    "cohere": CohereRequest,
    "voyage": VoyageRequest,
    "jina": JinaRequest,
}


def vector_of(*said: object, dimension: int = DIMENSION) -> Vector:
    """The vector of one input: `said` is everything that the server was told of it. Not of length 1."""
    seed = int.from_bytes(hashlib.sha256(repr(said).encode()).digest()[:8], "big")
    return np.random.default_rng(seed).normal(size=dimension).astype(np.float32)


def color_of(uri: str) -> tuple[int, ...]:
    """The mean color of an image, coarse enough for JPEG."""
    with Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))) as image:
        return tuple(int(value) // 32 for value in np.asarray(image.convert("RGB")).mean((0, 1)))


def _said(name: DialectName, body: dict[str, Any]) -> list[tuple[object, ...]]:
    """What each input of a body says: role or instruction, text, color of the image."""
    match name:
        case "vllm":
            system = [part["text"] for one in body["messages"] if one["role"] == "system" for part in one["content"]]
            user = [part for one in body["messages"] if one["role"] == "user" for part in one["content"]]
            return [(*system, *_parts(user))]
        case "openai":
            if body.get("modality") == "image":
                return [(color_of(one),) for one in body["input"]]
            return [(one,) for one in body["input"]]
        case "jina":
            return [(body["task"], one.get("text") or color_of(one["image"])) for one in body["input"]]
        case _:
            return [(body["input_type"], *_parts(one["content"])) for one in body["inputs"]]


def _parts(content: list[dict[str, Any]]) -> Iterator[object]:
    for part in content:
        match part:
            case {"text": text}:
                yield text
            case {"image_url": {"url": uri}} | {"image_base64": uri}:
                yield color_of(uri)


def _reply(name: DialectName, vectors: list[list[float]]) -> dict[str, Any]:
    if name == "cohere":
        return {"id": "e", "embeddings": {"float": vectors}, "response_type": "embeddings_by_type", "meta": {}}
    data = [{"object": "embedding", "index": place, "embedding": vector} for place, vector in enumerate(vectors)]
    return {"object": "list", "model": MODEL, "data": data[::-1], "usage": {"total_tokens": 1}}


class EmbeddingServer:
    """All dialects, each below its own path.

    `bodies` are requests as they came; `script` answers in place of the model, the last of it forever; None in it is
    the model. `refuses` says which bodies are a 400. `noise` is added to each number of a vector, `seed` makes another
    model.
    """

    def __init__(self) -> None:
        self.address = ""
        self.noise, self.seed = 0.0, 0
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.script: list[Answer | None] = []
        self.refuses: Callable[[dict[str, Any]], bool] = lambda body: False

    def forget(self) -> None:
        """As new, where it is."""
        vars(self).update(vars(EmbeddingServer()) | {"address": self.address})

    def vector(self, *said: object, dimension: int = DIMENSION) -> Vector:
        """What the model makes of an input."""
        vector = vector_of(*([self.seed] if self.seed else []), *said, dimension=dimension)
        return vector + self.noise * np.random.default_rng().normal(size=dimension).astype(np.float32)

    def url(self, name: DialectName) -> str:
        """The base URL of a dialect."""
        return f"{self.address}/{name}"

    @property
    def app(self) -> Litestar:
        """The application."""

        @post(list(PATHS), status_code=200)
        async def embed(request: Request[Any, Any, Any]) -> Response[Any]:
            name, body = PATHS[request.url.path], json.loads(await request.body())
            self.bodies.append(body)
            self.headers.append(dict(request.headers))
            answer = self.script.pop(0) if len(self.script) > 1 else next(iter(self.script), None)
            if answer is not None:
                said = answer(body)
                return said if isinstance(said, Response) else await said
            try:
                SCHEMAS[name].model_validate(body)
            except ValidationError as error:
                return Response(error.json(), status_code=422)
            if self.refuses(body):
                return Response({"detail": "no"}, status_code=400)
            dimension = body.get("dimensions") or body.get("output_dimension") or DIMENSION
            vectors = [self.vector(*said, dimension=dimension).tolist() for said in _said(name, body)]
            return Response(_reply(name, vectors))

        return Litestar([embed], openapi_config=None, logging_config=None, request_max_body_size=None)


@contextmanager
def embedding_server(port: int = 0) -> Iterator[EmbeddingServer]:
    """A running server."""
    server = EmbeddingServer()
    with serving(server.app, port) as address:
        server.address = address
        yield server

"""The bodies of the compatible routes: read with the names of `fields` and the formats of `contents`, leniently.

Whole numbers may be written `2.0` and booleans as texts; one document or input need not be in a list.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, RootModel, Tag, model_validator

from rerank.query import Role
from service.errors import InvalidValue
from service.search.contents import PlacedQuery
from service.server.dialects.contents import ContentIn, ImageIn, placed
from service.server.dialects.fields import CHAT_EMBEDDINGS, EMBED, EMBEDDINGS, RERANK, SCORE, Dialect
from service.wire.limits import MAX_DEADLINE_MS, MAX_INSTRUCTION_CHARS

MAX_DOCUMENTS = 1000
MAX_INPUTS = 2048

ONE_TURN = (
    "An embedding is of one user turn. Send one message with the role user and, if the input is to be read for an "
    "instruction, one with the role system and a text before it."
)
TWO_INSTRUCTIONS = (
    "The instruction was given twice. Send either the field instruction or a message with the role system."
)
AUDIO = "Only texts and images are embedded here."


def _as_list(value: object) -> object:
    """One document that is not in a list, as a list; vLLM's `{"content": […]}` holds a document in each part."""
    if isinstance(value, dict) and value.keys() == {"content"} and isinstance(value["content"], list):
        return value["content"]
    return value if isinstance(value, list) else [value]


Documents = Annotated[list[ContentIn], Field(min_length=1, max_length=MAX_DOCUMENTS), BeforeValidator(_as_list)]
Inputs = Annotated[list[ContentIn], Field(min_length=1, max_length=MAX_INPUTS), BeforeValidator(_as_list)]
Model = Annotated[str, Field(max_length=200)]


def _as_role(value: object) -> object:
    """The role that a client names in its own words; anything else it says of a task tells no role."""
    if not isinstance(value, str):
        return value
    said = value.casefold()
    return "document" if any(word in said for word in ("document", "passage")) else "query"


Purpose = Annotated[Role, BeforeValidator(_as_role)]
Instruction = Annotated[str, Field(max_length=MAX_INSTRUCTION_CHARS)] | None


class ClientBody(BaseModel):
    """A body as clients of other services send it. The fields that have no effect are in docs/clients.md."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    dialect: ClassVar[Dialect]

    @model_validator(mode="before")
    @classmethod
    def _in_our_names(cls, body: Any) -> Any:
        if not isinstance(body, dict):
            return body
        return cls.prepared(cls.spoken(body).read(body, frozenset(cls.model_fields)))

    @classmethod
    def spoken(cls, body: dict[str, Any]) -> Dialect:
        """What the client speaks."""
        return cls.dialect

    @classmethod
    def prepared(cls, body: dict[str, Any]) -> dict[str, Any]:
        """The meaning of fields that belong together."""
        return body


def _example(body: dict[str, Any]) -> ConfigDict:
    """The configuration of a body that shows an example in the OpenAPI document."""
    return ConfigDict(json_schema_extra={"examples": [body]})


class DocumentsBody(ClientBody):
    """A query and documents to be ranked."""

    model_config = _example(
        {
            "query": "a mug with a flower",
            "documents": ["Rose mug, red", {"text": "Leopard cushion"}],
            "top_n": 1,
        }
    )
    dialect = RERANK

    model: Model | None = Field(default=None, description="the engine in use, `withthis`, or left out")
    query: ContentIn
    documents: Documents
    top_n: Annotated[int, Field(ge=0)] = Field(default=0, description="number of results; 0: all")
    return_documents: bool = Field(default=False, description="true: each result repeats its document")
    strategy: Annotated[str, Field(max_length=64)] | None = Field(
        default=None, description="how documents are compared; see /v1/search/options"
    )
    prompt: Annotated[str, Field(max_length=64)] | None = Field(default=None, description="id or id@version")
    instruction: Instruction = Field(
        default=None, description="what to judge by besides the query, for a model that takes an instruction"
    )
    deadline_ms: Annotated[int, Field(ge=1, le=MAX_DEADLINE_MS)] | None = Field(
        default=None, description="time for captioning and reranking, milliseconds"
    )


class TextsBody(ClientBody):
    """A query and documents to be ranked, as Text Embeddings Inference (TEI) has them."""

    dialect = RERANK

    query: ContentIn
    texts: Documents
    return_text: bool = False

    def as_documents(self) -> DocumentsBody:
        """The same in the names of `DocumentsBody`."""
        return DocumentsBody.model_construct(query=self.query, documents=self.texts, return_documents=self.return_text)


def _whose(value: Any) -> str:
    return "<tei>" if isinstance(value, TextsBody) or (isinstance(value, dict) and "texts" in value) else "<documents>"


class RootRerankBody(
    RootModel[
        Annotated[
            Annotated[DocumentsBody, Tag("<documents>")] | Annotated[TextsBody, Tag("<tei>")], Discriminator(_whose)
        ]
    ]
):
    """What comes to `/rerank`: TEI's form where it has `texts`."""

    dialect: ClassVar[Dialect] = RERANK


class ScoreBody(ClientBody):
    """One query for all documents, or as many queries as documents."""

    model_config = _example({"queries": "a red mug", "documents": ["Rose mug, red", "Leopard cushion"]})
    dialect = SCORE

    model: Model | None = None
    queries: Documents
    documents: Documents
    instruction: Instruction = Field(default=None, description="as for /v1/rerank")


class VectorsBody(ClientBody):
    """Inputs to be embedded, in any dialect."""

    role: Purpose = Field(
        default="query",
        description="query or document, as encoders that tell them apart embed them; also as clients name them: "
        "search_query, search_document, passage, retrieval.query, retrieval.passage",
    )
    instruction: Instruction = Field(
        default=None, description="what the inputs are to be read for, for an encoder that takes an instruction"
    )
    dimensions: int = Field(
        default=0, ge=0, description="the encoder's own dimension or 0; fewer for one that was trained for it"
    )

    def purposed(self, inputs: Sequence[PlacedQuery]) -> list[PlacedQuery]:
        """The inputs in their role, to be read for the instruction."""
        return [one.in_role(self.role).instructed(self.instruction) for one in inputs]


class EmbeddingsBody(VectorsBody):
    """Texts and images to be embedded."""

    model_config = _example(
        {"input": ["a red mug", {"content": [{"type": "text", "text": "a mug"}]}], "model": "withthis"}
    )
    dialect = EMBEDDINGS

    model: Model | None = Field(default=None, description="the encoder in use, `withthis`, or left out")
    input: Inputs
    encoding_format: Literal["float", "base64"] = Field(
        default="float", description="base64: float32, little-endian, as OpenAI's client requests"
    )

    @classmethod
    def spoken(cls, body: dict[str, Any]) -> Dialect:
        """vLLM has fields of its own for a chat."""
        return EMBEDDINGS if body.get("messages") is None else CHAT_EMBEDDINGS

    @classmethod
    def prepared(cls, body: dict[str, Any]) -> dict[str, Any]:
        """Infinity's `modality` says what the inputs are; vLLM's `messages` are one input and its instruction."""
        modality = body.pop("modality", "text")
        if "messages" in body and "input" not in body:
            content, instruction = _chat(body.pop("messages"))
            if instruction and body.get("instruction"):
                raise _wrong("/messages", TWO_INSTRUCTIONS)
            body["input"] = [content]
            body |= {"instruction": instruction} if instruction else {}
        if modality == "image":
            body["input"] = [_image(one) for one in _listed(body.get("input"))]
        elif modality != "text":
            raise _wrong("/modality", AUDIO)
        return body


class EmbedBody(VectorsBody):
    """Texts, images, or both as one input, as Cohere has them."""

    model_config = _example({"texts": ["a red mug"], "input_type": "search_query", "embedding_types": ["float"]})
    dialect = EMBED

    model: Model | None = None
    texts: list[ContentIn] = Field(default_factory=list, max_length=MAX_INPUTS)
    images: list[ImageIn] = Field(default_factory=list, max_length=MAX_INPUTS)
    inputs: list[ContentIn] = Field(default_factory=list, max_length=MAX_INPUTS)
    embedding_types: list[Literal["float", "base64"]] = Field(default_factory=list, max_length=2)

    def contents(self) -> list[PlacedQuery]:
        """Texts, images and inputs, in this order."""
        return [*placed(self.texts, "/texts"), *placed(self.images, "/images"), *placed(self.inputs, "/inputs")]


class TeiEmbedBody(VectorsBody):
    """Inputs to be embedded, as Text Embeddings Inference (TEI) has them."""

    dialect = EMBED

    inputs: Inputs


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _image(value: object) -> object:
    return {"image": value} if isinstance(value, str) else value


def _chat(messages: object) -> tuple[object, str]:
    """What the user says, and the text of the system turn before it, if any. Turns that say nothing do not count: some
    clients of vLLM open the assistant's.
    """
    turns = [turn for turn in _listed(messages) if not isinstance(turn, dict) or _says(turn.get("content"))]
    roles = [turn.get("role") if isinstance(turn, dict) else None for turn in turns]
    if roles not in (["user"], ["system", "user"]):
        raise _wrong("/messages", ONE_TURN)
    instruction = "" if len(turns) == 1 else _plain_text(turns[0]["content"])
    if instruction is None:
        raise _wrong("/messages", ONE_TURN)
    return turns[-1]["content"], instruction


def _says(content: object) -> bool:
    """Whether a turn has any content besides empty texts."""
    return bool(content) and _plain_text(content) != ""


def _plain_text(content: object) -> str | None:
    """The text of a turn; None if it has anything else."""
    parts = [{"type": "text", "text": part} if isinstance(part, str) else part for part in _listed(content)]
    texts = [part.get("text") for part in parts if isinstance(part, dict) and part.get("type") == "text"]
    if len(texts) < len(parts) or not all(isinstance(text, str) for text in texts):
        return None
    return "\n".join(map(str, texts)).strip()


def _wrong(pointer: str, detail: str) -> InvalidValue:
    return InvalidValue(errors=[{"pointer": pointer, "detail": detail}])

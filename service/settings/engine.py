"""The engine that runs the reranking model."""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr

from service.settings.group import Group


class EngineSettings(Group, alias_generator="engine_{}".format):
    """The engine that runs the reranking model."""

    name: str = Field("starter", min_length=1, alias="engine", description="Engine that runs the reranking model.")
    path: Path | None = Field(None, description="Weights of the engine; empty takes those in the package.")
    model: str | None = Field(None, min_length=1, description="Model of the engine: a name on the hub or a folder.")
    revision: str | None = Field(None, min_length=1, description="Commit, tag or branch of that model on the hub.")
    device: str = Field(
        "auto", min_length=1, description="Where the engine's model runs: auto, cpu, cuda, cuda:1, balanced and so on."
    )
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="Number format of the engine's weights; auto is that of the files."
    )
    num_crops: int = Field(
        16, ge=1, le=64, description="Crops in which phi3-vision sees a picture, at most: 16, 4 or 1; fewer are faster."
    )
    quantisation: Literal["4bit", "8bit"] | None = Field(
        None, description="Fewer bits for the weights of phi3-vision, with the extra `quantised`: 4bit or 8bit."
    )
    layout: Literal["panel", "images"] | None = Field(
        None, description="One panel or one picture a candidate for ranking; none: what suits the engine."
    )
    max_candidates: int = Field(9, ge=1, le=26, description="Most products that one call to the engine's model ranks.")
    url: str | None = Field(
        None, min_length=1, description="Address of the model server, with its version: http://127.0.0.1:8001/v1."
    )
    api_key: SecretStr | None = Field(None, description="API key of the model server.")
    dialect: Literal["vllm", "json_schema", "regex", "none"] = Field(
        "vllm", description="How the model server is told the form of an answer; none: not at all."
    )
    concurrency: int = Field(8, ge=1, le=256, description="Requests to the model server at the same time.")
    retries: int = Field(2, ge=0, le=10, description="Further tries when the model server is busy or fails.")
    extra: dict[str, Any] = Field(
        default_factory=dict, description="Fields laid over every request to the model server; null removes one."
    )
    cache_size: int = Field(
        512, ge=0, description="Pictures that the engine starter keeps as it has seen them, 75 KB each."
    )

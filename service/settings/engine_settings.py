"""The engine that runs the reranking model."""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr

from rerank.layout import Layout
from service.search.reranking.engine_options import EngineOptions
from service.settings.group import Group


class EngineSettings(Group, alias_generator="engine_{}".format):
    """The engine that runs the reranking model."""

    name: str = Field(
        "starter",
        min_length=1,
        alias="engine",
        description="Engine that runs the reranking model; if `WITHTHIS_STRATEGY` is `reranker`, only where it is set.",
    )
    path: Path | None = Field(None, description="Weights of the engine; none: the bundled ones.")
    model: str | None = Field(None, min_length=1, description="Model of the engine: a name on the hub or a folder.")
    revision: str | None = Field(None, min_length=1, description="Commit, tag or branch of that model on the hub.")
    device: str = Field(
        "auto", min_length=1, description="Device of the engine's model: auto, cpu, cuda, cuda:1, balanced and so on."
    )
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="Dtype of the engine's weights; auto: that of the files."
    )
    num_crops: int = Field(
        16, ge=1, le=64, description="Maximum number of crops per image for phi3-vision: 16, 4 or 1; fewer are faster."
    )
    quantisation: Literal["4bit", "8bit"] | None = Field(
        None, description="Quantize the weights of phi3-vision (extra `quantised`): 4bit or 8bit."
    )
    layout: Layout | None = Field(
        None, description="Show candidates to the model as one panel or as separate images; none: the engine's default."
    )
    max_candidates: int = Field(9, ge=1, le=26, description="Maximum number of products per model call.")
    url: str | None = Field(
        None, min_length=1, description="URL of the model server, with its version: http://127.0.0.1:8001/v1."
    )
    api_key: SecretStr | None = Field(None, description="API key of the model server.")
    dialect: Literal["vllm", "json_schema", "regex", "none"] = Field(
        "vllm", description="How to constrain the model server's answers; none: no constraint."
    )
    concurrency: int = Field(8, ge=1, le=256, description="Concurrent requests to the model server.")
    retries: int = Field(2, ge=0, le=10, description="Retries when the model server is busy or fails.")
    extra: dict[str, Any] = Field(
        default_factory=dict, description="Fields added to every request to the model server; null removes one."
    )
    cache_size: int = Field(
        512,
        ge=0,
        description="Images whose features the engine starter caches: queries, 85 KB each, and products, 10 KB.",
    )
    store_features: bool = Field(
        True, description="Store the features that the engine starter ranks by beside the images, 10 KB each."
    )

    def options(self) -> EngineOptions:
        """What an engine is loaded with."""
        return EngineOptions(
            path=self.path,
            model=self.model,
            revision=self.revision,
            device=self.device,
            dtype=self.dtype,
            num_crops=self.num_crops,
            quantisation=self.quantisation,
            layout=self.layout,
            max_candidates=self.max_candidates,
            url=self.url,
            api_key=self.api_key.get_secret_value() if self.api_key else None,
            dialect=self.dialect,
            concurrency=self.concurrency,
            retries=self.retries,
            extra=self.extra,
            cache_size=self.cache_size,
        )

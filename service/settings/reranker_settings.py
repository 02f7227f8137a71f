"""The trained reranker of the strategy `reranker`."""

from typing import Literal

from pydantic import Field, SecretStr

from service.search.reranking.trained_options import TrainedOptions
from service.settings.group import Group


class RerankerSettings(Group, alias_generator="reranker_{}".format):
    """The trained reranker of the strategy `reranker`."""

    path: str | None = Field(
        None,
        min_length=1,
        description="Trained reranker in this process (extra `sentence-transformers`): a folder or a hub name.",
    )
    revision: str | None = Field(None, min_length=1, description="Commit, tag or branch of that reranker on the hub.")
    device: str = Field("auto", min_length=1, description="Device of that reranker: auto, cpu, cuda, cuda:1, mps.")
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="Dtype of that reranker; auto: float32 on CPU and MPS, 16 bits on CUDA."
    )
    url: str | None = Field(
        None,
        min_length=1,
        description="URL of a rerank server, with its version if it has one: http://127.0.0.1:8000/v1.",
    )
    model: str | None = Field(None, min_length=1, description="Name of the reranker on that server.")
    api_key: SecretStr | None = Field(None, description="API key of that server.")
    dialect: Literal["vllm", "tei", "jina", "cohere", "voyage", "openrouter"] = Field(
        "vllm", description="How that server is asked; tei, cohere and voyage read texts alone."
    )
    batch: int = Field(8, ge=1, le=256, description="Products of one forward pass, or of one request to the server.")
    concurrency: int = Field(8, ge=1, le=256, description="Concurrent requests to that server.")
    retries: int = Field(2, ge=0, le=10, description="Retries when that server is busy or fails.")
    prompt: str = Field(
        "reranker", min_length=1, description="Instruction of the reranker, as id or id@version of a prompt."
    )
    watch: bool = Field(
        True, description="Try now and then whether the reranker finds products by themselves; if not, it is not used."
    )

    def options(self) -> TrainedOptions:
        """What a trained reranker is loaded with."""
        return TrainedOptions(
            path=self.path,
            revision=self.revision,
            device=self.device,
            dtype=self.dtype,
            url=self.url,
            model=self.model,
            api_key=self.api_key.get_secret_value() if self.api_key else None,
            dialect=self.dialect,
            batch=self.batch,
            concurrency=self.concurrency,
            retries=self.retries,
            prompt=self.prompt,
            watch=self.watch,
        )

"""The encoder of queries and products."""

from pathlib import Path

from pydantic import Field, SecretStr

from service.encoders.options import BackendName, DialectName, EncoderDtypeName, EncoderOptions, Fit, Instructions
from service.settings.group import Group


class EncoderSettings(Group, alias_generator="encoder_{}".format):
    """The encoder of queries and products."""

    name: str = Field("starter", min_length=1, alias="encoder", description="Encoder of queries and products.")
    path: Path | None = Field(
        None, description="Weights of the encoder: a file, a folder or a name on the hub; none: its default."
    )
    revision: str | None = Field(
        None, min_length=1, description="Commit, tag or branch of the encoder's files on the hub; none: its default."
    )
    text_model: str | None = Field(
        None,
        min_length=1,
        description="Text model of a Visualized BGE, tokenizer of a MagicLens: a folder or a hub name; none: its own.",
    )
    device: str = Field("auto", min_length=1, description="Device of the encoder: auto, cpu, cuda, cuda:1, mps.")
    dtype: EncoderDtypeName = Field(
        "auto",
        description="Dtype of the encoder; auto: float32 on CPU and MPS, 16 bits on CUDA; fast: on a CPU with the "
        "instructions for it bfloat16, if embeddings stay the same to a cosine of 0.998.",
    )
    backend: BackendName = Field(
        "auto",
        description="Back end of the encoder on a CPU; auto: ONNX Runtime where it computes the same as torch; torch.",
    )
    fit: Fit = Field(
        "crop",
        description="Resizing of images to the model's square input: crop, as published, or pad, which keeps the "
        "whole product.",
    )
    text_weight: float = Field(
        0.5, ge=0, le=1, description="Weight of the text in composed queries of the CLIP family; 0.5: the plain sum."
    )
    dimensions: int | None = Field(
        None, ge=1, le=16_384, description="Dimension of the embeddings, of those that the model has; none: its own."
    )
    query_instruction: str | None = Field(
        None, min_length=1, description="Instruction for queries, where the encoder takes one; none: its own."
    )
    document_instruction: str | None = Field(
        None, min_length=1, description="Instruction for products, where the encoder takes one; none: its own."
    )
    url: str | None = Field(
        None, min_length=1, description="URL of the embedding server, with its version: http://127.0.0.1:8001/v1."
    )
    model: str | None = Field(None, min_length=1, description="Name of the model on the embedding server.")
    api_key: SecretStr | None = Field(None, description="API key of the embedding server.")
    dialect: DialectName = Field(
        "vllm", description="What the embedding server speaks: vllm, openai (TEI, infinity), cohere, voyage or jina."
    )
    concurrency: int = Field(8, ge=1, le=256, description="Concurrent requests to the embedding server.")
    timeout_s: float = Field(
        20.0, gt=0, le=600, description="Seconds for a request to the embedding server, with its retries."
    )
    patience_s: float = Field(
        900.0, ge=0, le=86_400, description="Seconds for which indexing waits for an embedding server that is away."
    )
    batch: int = Field(32, ge=1, le=1024, description="Images encoded per batch while indexing.")
    max_batch: int = Field(
        32, ge=1, le=1024, description="Queries of concurrent searches encoded per batch; 1: no batching."
    )
    max_wait_ms: float = Field(
        2.0, ge=0, le=1000, description="Longest wait for others to share a batch, in ms; none after a lone query."
    )
    queue: int = Field(256, ge=1, le=10_000, description="Queries that may wait for the encoder; further ones get 429.")
    torch_threads: int | None = Field(
        None, ge=1, le=256, alias="torch_threads", description="Threads for torch; none: torch's default."
    )

    def options(self) -> EncoderOptions:
        """What an encoder is loaded with."""
        return EncoderOptions(
            path=self.path,
            revision=self.revision,
            text_model=self.text_model,
            device=self.device,
            dtype=self.dtype,
            fit=self.fit,
            text_weight=self.text_weight,
            batch=self.batch,
            backend=self.backend,
            dimensions=self.dimensions,
            instructions=Instructions(self.query_instruction, self.document_instruction),
            url=self.url,
            model=self.model,
            api_key=self.api_key.get_secret_value() if self.api_key else None,
            dialect=self.dialect,
            concurrency=self.concurrency,
            timeout_s=self.timeout_s,
        )

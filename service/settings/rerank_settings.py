"""Reranking: strategy, prompts, fusion and deadline."""

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from rerank.fusion import FusionMethod
from service.settings.group import Group
from service.wire.limits import MAX_CANDIDATES, MAX_DEADLINE_MS


class RerankSettings(Group, alias_generator="rerank_{}".format):
    """Reranking: strategy, prompts, fusion and deadline."""

    enabled: bool = Field(True, description="Rerank unless the request says otherwise.")
    strategy: str = Field("listwise", min_length=1, alias="strategy", description="Reranking strategy.")
    step_back: bool = Field(
        True,
        description="Leave text queries in retrieval order if the engine sees images alone, as the bundled one does.",
    )
    candidates: int = Field(9, ge=1, le=MAX_CANDIDATES, description="Products passed to the reranker.")
    window: int | None = Field(
        None,
        ge=2,
        le=26,
        description="Products per window of the sliding-window strategies; none: as many as the engine takes.",
    )
    step: int | None = Field(
        None, ge=1, le=25, description="Step of that window, less than its size; none: half of it."
    )
    rotations: int = Field(
        1, ge=1, le=26, description="Arrangements that single-token averages over, against position bias."
    )
    prune: int = Field(20, ge=1, le=MAX_CANDIDATES, description="Products that the text cross-encoder passes on.")
    cross_encoder_model: str | None = Field(
        None,
        min_length=1,
        alias="cross_encoder_model",
        description="Text cross-encoder of FlagEmbedding: a hub name or a folder; none: no pruning.",
    )
    cross_encoder_device: str = Field(
        "auto",
        min_length=1,
        alias="cross_encoder_device",
        description="Device of the text cross-encoder: auto, cpu, cuda, cuda:1, mps.",
    )
    deadline_ms: int = Field(20_000, ge=1, le=MAX_DEADLINE_MS, description="Deadline of reranking, in ms.")
    max_deadline_ms: int = Field(
        120_000, ge=1, le=MAX_DEADLINE_MS, description="Longest deadline of reranking that a request may set, in ms."
    )
    concurrency: int = Field(2, ge=1, le=256, description="Searches reranked concurrently.")
    queue: int = Field(
        16,
        ge=0,
        le=1000,
        description="Searches that may wait for reranking; further ones are answered in retrieval order.",
    )
    fusion_weight: float | None = Field(
        None,
        ge=0,
        le=1,
        alias="fusion_weight",
        description="1: the reranker's order alone; 0: the retrieval order alone; none: the engine's own, 0.3 for the "
        "bundled one and 1 for others.",
    )
    fusion_method: FusionMethod | None = Field(
        None,
        alias="fusion_method",
        description="Fusion by ranks (rrf), or by scores if the reranker gives them; none: the engine's own, scores "
        "for the bundled one and rrf for others.",
    )
    rank_prompt: str | None = Field(
        None, alias="rank_prompt", description="Prompt for ranking, as id or id@version; none: the engine's default."
    )
    caption_prompt: str | None = Field(
        None,
        alias="caption_prompt",
        description="Prompt for captions, as id or id@version; none: the engine's default.",
    )
    match_prompt: str | None = Field(
        None,
        alias="match_prompt",
        description="Prompt for judging one product, as id or id@version; none: the engine's default.",
    )
    prompts_dir: Path | None = Field(
        None, alias="prompts_dir", description="Folder with prompt templates; none: the package's."
    )
    caption_cache_size: int = Field(
        1024, ge=0, alias="caption_cache_size", description="Captions of query images cached in memory."
    )

    @model_validator(mode="after")
    def _compare(self) -> Self:
        if self.deadline_ms > self.max_deadline_ms:
            raise ValueError("rerank_deadline_ms must not exceed rerank_max_deadline_ms")
        return self

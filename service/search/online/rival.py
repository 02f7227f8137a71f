"""The setting `WITHTHIS_INTERLEAVE`: the second configuration of an interleaved comparison."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from rerank.fusion import FusionMethod
from service.wire.limits import MAX_CANDIDATES


class Rival(BaseModel):
    """How B differs from A, which is what the settings say: the fields of `rerank` in a request that make an order,
    and how products are found.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    enabled: bool = True
    strategy: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    prompt: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    candidates: Annotated[int, Field(ge=1, le=MAX_CANDIDATES)] | None = None
    fusion_weight: Annotated[float, Field(ge=0.0, le=1.0)] | None = None
    fusion_method: FusionMethod | None = None
    query_adapter: Path | None = None
    lexical_weight: Annotated[float, Field(ge=0.0, le=1.0)] | None = None

    @property
    def retrieves(self) -> bool:
        """Whether it finds products in another way."""
        return self.query_adapter is not None or self.lexical_weight is not None

    @property
    def only_retrieves(self) -> bool:
        """Whether it is said to differ in how it finds products, and in nothing else."""
        return self.retrieves and self.model_fields_set <= {"query_adapter", "lexical_weight"}

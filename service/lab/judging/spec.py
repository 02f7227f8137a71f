"""How an experiment is judged, as its file says it under `judging`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from service.lab.judging.scale import SCALE, Point

MAX_GUIDELINES = 20_000
"""Characters."""
JUDGE_NAME = r"\w[\w.-]{0,39}"
"""A judge's name is part of a file's name."""


def _no_boolean(value: object) -> object:
    """YAML 1.1 reads No, Yes, On and Off as booleans, and these are names that people give to grades."""
    if isinstance(value, bool):
        raise ValueError("put it in quotes, as YAML reads No and Yes as false and true")
    return value


Words = Annotated[str, BeforeValidator(_no_boolean)]
JudgeName = Annotated[str, Field(pattern=f"^{JUDGE_NAME}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PointSpec(_Strict):
    """A grade of an own scale. It is given by a key, so it has one digit."""

    grade: int = Field(ge=0, le=9, strict=True)
    name: Words = Field(min_length=1, max_length=40)
    meaning: Words = Field("", max_length=300)


class JudgingSpec(_Strict):
    """The scale, the guidelines, who judges what, and the model that judges, if one does."""

    guidelines: Path | None = None
    """A text file that people and the model are shown; a relative path counts from the experiment's file."""
    scale: list[PointSpec] | None = Field(None, min_length=2, max_length=10)
    """None: `SCALE`."""
    judges: list[JudgeName] = Field(default_factory=list)
    """The people among whom the queries are divided; empty: anyone judges everything."""
    overlap: float = Field(1.0, ge=0, le=1, allow_inf_nan=False)
    """The share of the queries that all of these judges see."""
    model: dict[str, Any] | None = None
    """Settings of the engine of `withthis judge --vlm`, laid over those of this machine."""
    prompt: str | None = None
    """Its prompt, by `id` or `id@version`; None: the engine's own."""
    reasons: bool = True
    """False: the model only says which grade is most likely, in one forward pass; for engines that score labels."""
    timeout_s: float = Field(120.0, gt=0, le=3600, allow_inf_nan=False)
    """How long it may take to grade a pair."""

    @field_validator("scale")
    @classmethod
    def _can_be_measured(cls, scale: list[PointSpec] | None) -> list[PointSpec] | None:
        """Measures read 0 as not relevant, so a scale without it would call everything relevant."""
        grades = [point.grade for point in scale or ()]
        if len(set(grades)) < len(grades):
            raise ValueError("a grade is defined twice")
        if scale is not None and 0 not in grades:
            raise ValueError("there is no grade 0, the one that measures read as not relevant")
        return scale

    @field_validator("judges")
    @classmethod
    def _are_several(cls, judges: list[str]) -> list[str]:
        if len(set(judges)) < len(judges):
            raise ValueError("a judge is named twice")
        return judges

    @property
    def points(self) -> tuple[Point, ...]:
        """The scale from the worst to the best."""
        if self.scale is None:
            return SCALE
        return tuple(Point(one.grade, one.name, one.meaning) for one in sorted(self.scale, key=lambda one: one.grade))

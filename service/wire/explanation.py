"""The `explanation` of an answer: what the model saw and wrote, for those who asked. Everything in it is bounded."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class _Out(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class ShownOut(_Out):
    """A product and the label under which the model saw it."""

    label: str
    product_id: str


class PanelOut(_Out):
    """The one image that the model ranked."""

    data: str = Field(description="a data URI: PNG, pixel by pixel what the model saw; JPEG where that is too large")
    width: int
    height: int
    exact: bool = Field(description="false: a JPEG, since the PNG would have more than 2 MiB")


class ExplanationOut(_Out):
    """What the model saw and wrote. The text is the model's own and as untrusted as the images it was shown."""

    raw: str = Field(description="what the model wrote, at most 16,384 characters; empty where it writes nothing")
    raw_truncated: bool
    shown: list[ShownOut] = Field(description="the products that the model compared in its last call")
    panel: PanelOut | None = Field(description="null for a model that takes pictures one by one")
    prompt_tokens: int
    generated_tokens: int

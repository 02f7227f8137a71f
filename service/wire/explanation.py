"""The `explanation` of an answer: what the model saw and wrote, if requested. Everything in it is bounded."""

from __future__ import annotations

from pydantic import Field

from service.wire.strict_model import StrictModel


class ShownOut(StrictModel):
    """A product and the label under which the model saw it."""

    label: str
    product_id: str


class PanelOut(StrictModel):
    """The one image that the model ranked."""

    data: str = Field(description="a data URI: PNG, exactly what the model saw; JPEG if that is too large")
    width: int
    height: int
    exact: bool = Field(description="false: a JPEG, because the PNG would exceed 2 MiB")


class ExplanationOut(StrictModel):
    """What the model saw and wrote. The text is the model's own, and as untrusted as the images it saw."""

    raw: str = Field(description="what the model wrote, at most 16,384 characters; empty if it writes nothing")
    raw_truncated: bool
    shown: list[ShownOut] = Field(description="the products that the model compared in its last call")
    panel: PanelOut | None = Field(description="null for a model that takes images one by one")
    prompt_tokens: int
    generated_tokens: int

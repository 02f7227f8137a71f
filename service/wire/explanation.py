"""The `explanation` of an answer: what the model saw and wrote, for those who asked. Everything in it is bounded."""

from __future__ import annotations

import base64
import io

from PIL.Image import Image
from pydantic import BaseModel, ConfigDict, Field

from rerank.labels import labels
from service.search.types import Explanation

MAX_RAW_CHARS = 16_384
MAX_PANEL_BYTES = 2 * 2**20
_QUALITY = 90


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


def explanation_out(explanation: Explanation) -> ExplanationOut:
    """The JSON of an explanation. Encodes the panel, which takes a tenth of a second: not for an event loop."""
    shown = explanation.shown
    return ExplanationOut(
        raw=explanation.raw[:MAX_RAW_CHARS],
        raw_truncated=len(explanation.raw) > MAX_RAW_CHARS,
        shown=[ShownOut(label=label, product_id=id) for label, id in zip(labels(len(shown)), shown, strict=True)],
        panel=_panel_out(explanation.panel) if explanation.panel else None,
        prompt_tokens=explanation.prompt_tokens,
        generated_tokens=explanation.generated_tokens,
    )


def _panel_out(panel: Image) -> PanelOut:
    data, kind = _encoded(panel, "PNG"), "png"
    exact = len(data) <= MAX_PANEL_BYTES
    if not exact:
        data, kind = _encoded(panel, "JPEG"), "jpeg"
    uri = f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
    return PanelOut(data=uri, width=panel.width, height=panel.height, exact=exact)


def _encoded(panel: Image, kind: str) -> bytes:
    buffer = io.BytesIO()
    panel.save(buffer, kind, quality=_QUALITY)  # PNG has no quality and ignores it
    return buffer.getvalue()

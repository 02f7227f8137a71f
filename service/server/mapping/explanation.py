"""The explanation of an answer as JSON. Everything in it is bounded."""

from __future__ import annotations

import base64
import io

from PIL.Image import Image

from rerank.labels import labels
from service.search.types import Explanation
from service.wire.explanation import ExplanationOut, PanelOut, ShownOut

MAX_RAW_CHARS = 16_384
MAX_PANEL_BYTES = 2 * 2**20
_QUALITY = 90


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

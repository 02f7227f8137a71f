"""The defaults for what a request leaves out, and the most that it may ask for."""

from __future__ import annotations

from dataclasses import dataclass

from service.search.hybrid_defaults import HybridDefaults


@dataclass(frozen=True, slots=True)
class RequestDefaults:
    """The settings that requests are read with; sizes are in bytes, pixels and characters."""

    limit: int
    max_limit: int
    max_text_chars: int
    max_body_bytes: int
    max_feed_lines: int
    max_image_bytes: int
    max_image_pixels: int
    max_request_pixels: int
    max_deadline_ms: int
    reranked: bool
    understood: bool
    hybrid: HybridDefaults
    negative_weight: float

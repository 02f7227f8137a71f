"""How the service is set to search by words."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HybridDefaults:
    """What holds where a request does not say: whether products are searched by words, and how much these count."""

    enabled: bool
    lexical_weight: float

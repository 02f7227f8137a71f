"""How candidates are shown to an engine, and the prompts that go with it."""

from collections.abc import Mapping
from typing import Literal

__all__ = ["PROMPTS", "Layout"]

Layout = Literal["panel", "images"]
"""How the rank task gets its images: as one panel, or one by one."""

PROMPTS: Mapping[Layout, Mapping[str, str]] = {
    "panel": {"caption": "caption", "rank": "rank-panel", "match": "match-panel", "grade": "grade-panel"},
    "images": {"caption": "caption", "rank": "rank-images", "match": "match", "grade": "grade"},
}
"""Task → id of the prompt, of an engine without prompts of its own."""

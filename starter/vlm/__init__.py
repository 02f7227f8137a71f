"""The starter VLM: a small vision-language model that ranks candidates; beside it, a namer says what an image shows."""

from starter.vlm.eyes import Seen
from starter.vlm.model import StarterVLM

__all__ = ["Seen", "StarterVLM"]

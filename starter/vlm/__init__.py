"""The starter VLM: a small generative vision-language model that captions, ranks and explains."""

from starter.vlm.eyes import Seen
from starter.vlm.generation import Generated
from starter.vlm.model import StarterVLM

__all__ = ["Generated", "Seen", "StarterVLM"]

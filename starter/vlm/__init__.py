"""The starter VLM: a small vision-language model that ranks candidates; beside it, a namer says what an image shows."""

from starter.vlm.features import Offer
from starter.vlm.model import StarterVLM
from starter.vlm.vectors import Sight

__all__ = ["Offer", "Sight", "StarterVLM"]

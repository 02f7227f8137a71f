"""The published config.json as plain transformers configurations, read without the code it points to."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import CLIPVisionConfig, Phi3Config

from rerank.engines.phi3_vision.image_processing import CROP_SIDE, MERGED_SIDE
from rerank.errors import EngineError

__all__ = ["CLIP_FILE", "MODEL_TYPE", "Phi3VisionConfig", "read_config"]

MODEL_TYPE = "phi3_v"

CLIP_FILE = "clip_vision_config.json"
"""Beside config.json it replaces the vision tower's numbers. The published folders have none."""

_CLIP_LARGE: dict[str, Any] = {  # openai/clip-vit-large-patch14-336, which the published model has built in
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "image_size": CROP_SIDE,
    "patch_size": CROP_SIDE // (2 * MERGED_SIDE),
    "num_channels": 3,
    "hidden_act": "quick_gelu",
    "layer_norm_eps": 1e-5,
    "projection_dim": 768,
}

_LANGUAGE = (
    "vocab_size",
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    "hidden_act",
    "max_position_embeddings",
    "original_max_position_embeddings",
    "rms_norm_eps",
    "rope_theta",
    "bos_token_id",
)
"""The fields passed to Phi3Config. The rest points to remote code or is not used for inference."""

_EMBEDDING = {
    "embedding_cls": "image",
    "hd_transform_order": "sub_glb",
    "projection_cls": "mlp",
    "use_hd_transform": True,
    "with_learnable_separator": True,
}


@dataclass(frozen=True)
class Phi3VisionConfig:
    """The two halves of the model."""

    language: Phi3Config
    vision: CLIPVisionConfig


def read_config(folder: Path) -> Phi3VisionConfig:
    """Read config.json, and clip_vision_config.json if there is one.

    Raises:
        EngineError: not a Phi-3 Vision model, or one with other image embeddings than the published ones.
        OSError: no such file.
    """
    raw = _read(folder / "config.json")
    if raw.get("model_type") != MODEL_TYPE or raw.get("embd_layer") != _EMBEDDING:
        raise EngineError("config.json is not that of Phi-3 Vision or 3.5 Vision. Choose another model or engine.")
    clip_file = folder / CLIP_FILE
    clip = {**_CLIP_LARGE, **(_numbers(_read(clip_file)) if clip_file.is_file() else {})}
    if (clip["image_size"], clip["patch_size"]) != (_CLIP_LARGE["image_size"], _CLIP_LARGE["patch_size"]):
        raise EngineError(f"{CLIP_FILE}: the vision tower must take images of 336 pixels in patches of 14.")
    try:
        return Phi3VisionConfig(_language(raw), CLIPVisionConfig(**clip))
    except EngineError:
        raise
    except Exception as error:  # transformers has errors of its own for a field of the wrong type
        raise EngineError("config.json lacks a field or has an invalid one. Download the model again.") from error


def _language(raw: dict[str, Any]) -> Phi3Config:
    """The decoder. Its sliding window is as wide as its positions, so that it never hides anything: left out."""
    window = raw.get("sliding_window")
    kept: dict[str, Any] = {name: raw[name] for name in _LANGUAGE if name in raw}
    kept |= {"rope_scaling": _rope(raw), "tie_word_embeddings": False}
    if window is not None and window < raw["max_position_embeddings"]:
        kept["sliding_window"] = window
    return Phi3Config(**kept)


def _rope(raw: dict[str, Any]) -> dict[str, Any]:
    """Positions under their current names in transformers: "su" has become "longrope"."""
    given = raw.get("rope_scaling") or {}
    if given.get("type") not in ("su", "longrope"):
        raise EngineError("config.json: rope_scaling must be of type su or longrope. Download the model again.")
    return {
        "rope_type": "longrope",
        "short_factor": given["short_factor"],
        "long_factor": given["long_factor"],
        "factor": raw["max_position_embeddings"] / raw["original_max_position_embeddings"],
    }


def _numbers(raw: dict[str, Any]) -> dict[str, Any]:
    """The entries that the vision tower knows; notes next to them are left alone."""
    return {name: value for name, value in raw.items() if name in _CLIP_LARGE}


def _read(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise EngineError(f"{file.name} is not valid JSON. Download the model again.") from error
    if not isinstance(content, dict):
        raise EngineError(f"{file.name} is not a JSON object. Download the model again.")
    return content

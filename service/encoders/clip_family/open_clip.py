"""SigLIP checkpoints of open_clip, such as Marqo-Ecommerce: timm's vision tower → transformers' `SiglipModel`.

open_clip and timm join queries, keys and values in one tensor, where transformers has three; the pooling head is the
other way around. The activation is the exact GELU, unlike in Google's own checkpoints.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor
from transformers import SiglipConfig, SiglipModel

from service.encoders.layout import differences
from service.errors import EncoderUnavailable

CONFIG, WEIGHTS = "open_clip_config.json", "open_clip_model.safetensors"
_HEAD_WIDTH = 64
_TIMM = re.compile(r"vit_(base|large)_patch\d+_siglip_\d+")
"""timm's towers whose heads are 64 wide and whose activation is the exact GELU."""

_VISION, _TEXT, _HEAD = "vision_model", "text_model", "vision_model.head"
_RENAMED = (
    (r"visual\.trunk\.patch_embed\.proj", f"{_VISION}.embeddings.patch_embedding"),
    (r"visual\.trunk\.pos_embed", f"{_VISION}.embeddings.position_embedding.weight"),
    (r"visual\.trunk\.blocks\.(\d+)", rf"{_VISION}.encoder.layers.\1"),
    (r"visual\.trunk\.norm", f"{_VISION}.post_layernorm"),
    (r"visual\.trunk\.attn_pool\.latent", f"{_HEAD}.probe"),
    (r"visual\.trunk\.attn_pool\.proj", f"{_HEAD}.attention.out_proj"),
    (r"visual\.trunk\.attn_pool\.norm", f"{_HEAD}.layernorm"),
    (r"visual\.trunk\.attn_pool\.mlp", f"{_HEAD}.mlp"),
    (r"text\.token_embedding", f"{_TEXT}.embeddings.token_embedding"),
    (r"text\.positional_embedding", f"{_TEXT}.embeddings.position_embedding.weight"),
    (r"text\.transformer\.resblocks\.(\d+)", rf"{_TEXT}.encoder.layers.\1"),
    (r"text\.ln_final", f"{_TEXT}.final_layer_norm"),
    (r"text\.text_projection", f"{_TEXT}.head"),
    (r"(layers\.\d+)\.(?:norm|ln_)([12])", r"\1.layer_norm\2"),
    (r"(layers\.\d+)\.attn\.(?:out_)?proj\b", r"\1.self_attn.out_proj"),
    (r"(layers\.\d+)\.mlp\.c_fc", r"\1.mlp.fc1"),
    (r"(layers\.\d+)\.mlp\.c_proj", r"\1.mlp.fc2"),
)
_JOINED = re.compile(r"(.*layers\.\d+)\.attn\.(?:qkv\.|in_proj_)(weight|bias)")
_POOLED = re.compile(r"visual\.trunk\.attn_pool\.(?:q|kv)\.(weight|bias)")


def siglip_config(settings: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> SiglipConfig:
    """transformers' configuration of an open_clip model. Raises `EncoderUnavailable` for one of another kind."""
    try:
        vision, text = settings["model_cfg"]["vision_cfg"], settings["model_cfg"]["text_cfg"]
        known = _TIMM.fullmatch(vision["timm_model_name"]) and text["no_causal_mask"] and text["pool_type"] == "last"
        if not known or text.get("act_kwargs"):
            raise ValueError("another architecture")
        width, _, patch, _ = tensors["visual.trunk.patch_embed.proj.weight"].shape
        hidden = tensors["visual.trunk.blocks.0.mlp.fc1.bias"].shape[0]
        shared = {"hidden_act": "gelu", "layer_norm_eps": 1e-6}
        return SiglipConfig(
            text_config={
                "hidden_size": text["width"],
                "num_hidden_layers": text["layers"],
                "num_attention_heads": text["heads"],
                "intermediate_size": tensors["text.transformer.resblocks.0.mlp.c_fc.bias"].shape[0],
                "vocab_size": text["vocab_size"],
                "max_position_embeddings": text["context_length"],
                "projection_size": settings["model_cfg"]["embed_dim"],
                **shared,
            },
            vision_config={
                "hidden_size": width,
                "num_hidden_layers": len({name.split(".")[3] for name in tensors if "trunk.blocks." in name}),
                "num_attention_heads": width // _HEAD_WIDTH,
                "intermediate_size": hidden,
                "image_size": vision["image_size"],
                "patch_size": patch,
                **shared,
            },
        )
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise EncoderUnavailable(
            f"{CONFIG} does not describe a SigLIP of open_clip that can be converted: ViT-B or ViT-L, version 1."
        ) from error


def in_transformers_names(tensors: Mapping[str, Tensor], config: SiglipConfig) -> dict[str, Tensor]:
    """The same weights as `SiglipModel` names and shapes them. Raises `EncoderUnavailable` unless all are there."""
    try:
        found = dict(_renamed(tensors))
    except (KeyError, ValueError, RuntimeError) as error:  # a part of what belongs together is missing or misshapen
        raise EncoderUnavailable(f"{WEIGHTS} is not complete. Download it again.") from error
    with torch.device("meta"):
        expected = {name: tuple(tensor.shape) for name, tensor in SiglipModel(config).state_dict().items()}
    if faults := differences({name: tuple(tensor.shape) for name, tensor in found.items()}, expected):
        raise EncoderUnavailable(f"{WEIGHTS} does not fit {CONFIG}: {faults}. Download both again.")
    return {name: tensor.contiguous() for name, tensor in found.items()}


def _renamed(tensors: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    for name, tensor in tensors.items():
        if pooled := _POOLED.fullmatch(name):
            if name.split(".")[-2] == "kv":
                queries = tensors[name.replace(".kv.", ".q.")]
                yield f"{_HEAD}.attention.in_proj_{pooled[1]}", torch.cat((queries, tensor))
            continue
        target = name
        for pattern, replacement in _RENAMED:
            target = re.sub(pattern, replacement, target)
        if joined := _JOINED.fullmatch(target):
            for letter, part in zip("qkv", torch.chunk(tensor, 3), strict=True):
                yield f"{joined[1]}.self_attn.{letter}_proj.{joined[2]}", part
        else:
            yield target, _shaped(name, tensor)


def _shaped(name: str, tensor: Tensor) -> Tensor:
    """transformers has no leading axis at the positions, and one at the two numbers."""
    if name == "visual.trunk.pos_embed":
        return tensor.squeeze(0)
    return tensor.reshape(1) if name in ("logit_scale", "logit_bias") else tensor

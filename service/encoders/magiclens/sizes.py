"""Dimensions of a MagicLens. A weight file determines all of them, so nothing else has to be kept with it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from transformers import CLIPConfig

from service.encoders.layout import Shape
from service.errors import EncoderUnavailable

IMAGE_MEAN = (0.48145466, 0.4578275, 0.40821073)
IMAGE_STD = (0.26862954, 0.26130258, 0.27577711)


@dataclass(frozen=True, slots=True)
class TowerSizes:
    """A transformer. `hidden`: width inside its MLP."""

    width: int
    layers: int
    heads: int
    hidden: int

    @property
    def head_width(self) -> int:
        """Numbers of one head."""
        return self.width // self.heads


@dataclass(frozen=True, slots=True)
class Sizes:
    """`width`: that of CLIP's joint space, of the fusion and of the result. Image and patches in pixels."""

    image_size: int
    patch_size: int
    vocabulary: int
    positions: int
    width: int
    vision: TowerSizes
    text: TowerSizes
    fusion: TowerSizes
    pooler_heads: int

    @property
    def pooler_head_width(self) -> int:
        """The pooler is four times as wide inside as outside."""
        return 4 * self.width // self.pooler_heads

    def clip_config(self) -> CLIPConfig:
        """The two towers for transformers. The end symbol, where a text is read, has the largest id."""
        ids = {"eos_token_id": self.vocabulary - 1, "bos_token_id": self.vocabulary - 2, "pad_token_id": 0}
        text = {"vocab_size": self.vocabulary, "max_position_embeddings": self.positions, **ids, **_tower(self.text)}
        vision = {"image_size": self.image_size, "patch_size": self.patch_size, **_tower(self.vision)}
        return CLIPConfig(text_config=text, vision_config=vision, projection_dim=self.width)


def _tower(sizes: TowerSizes) -> dict[str, int]:
    return {
        "hidden_size": sizes.width,
        "num_hidden_layers": sizes.layers,
        "num_attention_heads": sizes.heads,
        "intermediate_size": sizes.hidden,
    }


BASE = Sizes(
    image_size=224,
    patch_size=16,
    vocabulary=49408,
    positions=77,
    width=512,
    vision=TowerSizes(768, 12, 12, 3072),
    text=TowerSizes(512, 12, 8, 2048),
    fusion=TowerSizes(512, 4, 8, 2048),
    pooler_heads=8,
)
LARGE = Sizes(
    image_size=224,
    patch_size=14,
    vocabulary=49408,
    positions=77,
    width=768,
    vision=TowerSizes(1024, 24, 16, 4096),
    text=TowerSizes(768, 12, 12, 3072),
    fusion=TowerSizes(768, 4, 16, 3072),
    pooler_heads=16,
)
PUBLISHED = {"magic_lens_clip_base.pkl": BASE, "magic_lens_clip_large.pkl": LARGE}
"""The published files."""


def sizes_of(shapes: Mapping[str, Shape]) -> Sizes:
    """The sizes that the shapes of a weight file tell. Raises `EncoderUnavailable` for another model's file.

    Only some tensors are looked at: compare with `layout.layout(sizes)` afterwards.
    """
    try:
        return _read(shapes)
    except (KeyError, ValueError, IndexError) as error:
        raise EncoderUnavailable("The weights are not those of a MagicLens on CLIP.") from error


def _read(shapes: Mapping[str, Shape]) -> Sizes:
    patch, _, _, vision_width = shapes["params/clip/visual/conv1/kernel"]
    tokens, _ = shapes["params/clip/visual/positional_embedding"]
    vocabulary, text_width = shapes["params/clip/text/token_embedding/embedding"]
    fusion = "params/multimodal_encoder/x_layers_"
    width, fusion_heads, _ = shapes[f"{fusion}0/self_attention/query/w"]
    return Sizes(
        image_size=math.isqrt(tokens - 1) * patch,
        patch_size=patch,
        vocabulary=vocabulary,
        positions=shapes["params/clip/text/positional_embedding"][0],
        width=width,
        vision=_clip_tower(shapes, "visual", vision_width),
        text=_clip_tower(shapes, "text", text_width),
        fusion=TowerSizes(
            width, _count(shapes, fusion), fusion_heads, shapes[f"{fusion}0/ff_layer/ffn_layer1/linear/w"][1]
        ),
        pooler_heads=shapes["params/contrastive_multimodal_pooler/pool_attn/query/w"][1],
    )


def _clip_tower(shapes: Mapping[str, Shape], tower: str, width: int) -> TowerSizes:
    blocks = f"params/clip/{tower}/transformer/resblocks_"
    heads = shapes[f"{blocks}0/attn/query/kernel"][1]
    return TowerSizes(width, _count(shapes, blocks), heads, shapes[f"{blocks}0/mlp/c_fc/kernel"][1])


def _count(shapes: Mapping[str, Shape], prefix: str) -> int:
    """Blocks whose names are `prefix` and a number."""
    pattern = re.compile(re.escape(prefix) + r"(\d+)/")
    return len({found[1] for name in shapes if (found := pattern.match(name))})

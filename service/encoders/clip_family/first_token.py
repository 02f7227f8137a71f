"""The last layer of an image tower whose vector is made from the first token alone: what others become is left out.

Of twelve layers, that is a fifteenth of the arithmetic.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as fn

_ROUNDINGS = 64
"""By the last bit, of which sums in another order may differ."""


class FirstToken(nn.Module):
    """Takes the place of a layer of CLIP: [n, t, width] → what the layer makes of the first token, [n, 1, width]."""

    def __init__(self, layer: Any) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, hidden: Tensor, attention_mask: None = None, **options: Any) -> Tensor:
        """See the class. Images have no mask."""
        attention, normal = self.layer.self_attn, self.layer.layer_norm1(hidden)
        parts = attention.q_proj(normal[:, :1]), attention.k_proj(normal), attention.v_proj(normal)
        queries, keys, values = (part.unflatten(-1, (-1, attention.head_dim)).transpose(1, 2) for part in parts)
        seen = fn.scaled_dot_product_attention(queries, keys, values, scale=attention.scale)
        first: Tensor = hidden[:, :1] + attention.out_proj(seen.transpose(1, 2).flatten(2))
        out: Tensor = first + self.layer.mlp(self.layer.layer_norm2(first))
        return out


@torch.inference_mode()
def see_first_token(vision: Any) -> None:
    """Change the last layer of the image tower of a CLIP or Chinese-CLIP, unless that gives anything else."""
    layers, norm = vision.encoder.layers, vision.post_layernorm.weight
    short = FirstToken(layers[-1])
    example = torch.randn(2, 3, len(norm)).to(norm)
    expected = layers[-1](example, attention_mask=None)
    if isinstance(expected, Tensor) and _same(short(example), expected[:, :1]):  # versions of transformers differ
        layers[-1] = short


def _same(found: Tensor, expected: Tensor) -> bool:
    """But for the rounding of their dtype."""
    allowed = _ROUNDINGS * torch.finfo(expected.dtype).eps
    return bool((found - expected).abs().max() <= allowed * expected.abs().max())

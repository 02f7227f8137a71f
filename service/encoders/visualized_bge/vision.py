"""The EVA-02-CLIP vision tower up to its last block (Fang et al. 2023, arXiv:2303.11331; Sun et al., arXiv:2303.15389).

The names of the parameters are those of the published files. CLIP's final norm and head are not here, as Visualized BGE
takes the tokens before them.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as fn

from service.encoders.visualized_bge.config import VisionConfig


class RotaryTable(nn.Module):
    """Cosines and sines [tokens, head width] of the two-dimensional rotary positions.

    They come from the file, not from the formula: in a half-precision file they are rounded, and the published code
    computes with the rounded ones. `fill` is the formula, for models made from scratch.
    """

    freqs_cos: Tensor
    freqs_sin: Tensor

    def __init__(self, config: VisionConfig) -> None:
        """Empty tables."""
        super().__init__()
        for name in ("freqs_cos", "freqs_sin"):
            self.register_buffer(name, torch.empty(config.image_tokens, config.head_width))

    def fill(self, config: VisionConfig) -> None:
        """Angle = position × 10000^(-2j / half) along each axis, half = head width / 2; rows first, then columns.

        Each angle stands twice in a row, once for each number of the pair it turns. Positions are stretched so that
        the grid spans `pt_hw_seq_len`.
        """
        half = config.head_width // 2
        speeds = config.rope_theta ** (-torch.arange(0, half, 2).float() / half)
        positions = torch.arange(config.grid) / config.grid * config.pt_hw_seq_len
        angles = (positions[:, None] * speeds).repeat_interleave(2, dim=-1)
        rows = angles[:, None, :].expand(-1, config.grid, -1)
        columns = angles[None, :, :].expand(config.grid, -1, -1)
        table = torch.cat((rows, columns), dim=-1).reshape(config.image_tokens, config.head_width)
        self.freqs_cos.copy_(table.cos())
        self.freqs_sin.copy_(table.sin())

    def forward(self, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Tables [1 + tokens, head width] in `dtype`; the first row leaves the CLS token unturned."""
        cos = fn.pad(self.freqs_cos, (0, 0, 1, 0), value=1.0)
        sin = fn.pad(self.freqs_sin, (0, 0, 1, 0), value=0.0)
        return cos.to(dtype), sin.to(dtype)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn the pairs (0, 1), (2, 3), … of the last axis: (a, b) → (a cos - b sin, b cos + a sin)."""
    pairs = x.view(*x.shape[:-1], -1, 2)
    crossed = torch.stack((-pairs[..., 1], pairs[..., 0]), dim=-1).flatten(-2)
    return x * cos + crossed * sin


class Attention(nn.Module):
    """Self-attention with rotary positions; keys have no bias; a LayerNorm on the joined heads (sub-LN)."""

    def __init__(self, config: VisionConfig) -> None:
        """Uninitialized weights."""
        super().__init__()
        width = config.width
        self.heads = config.heads
        self.q_proj = nn.Linear(width, width, bias=False)
        self.k_proj = nn.Linear(width, width, bias=False)
        self.v_proj = nn.Linear(width, width, bias=False)
        self.q_bias = nn.Parameter(torch.zeros(width))
        self.v_bias = nn.Parameter(torch.zeros(width))
        self.inner_attn_ln = nn.LayerNorm(width, eps=config.layer_norm_eps)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """[n, tokens, width] → the same shape."""
        q = rotate(self._split(fn.linear(x, self.q_proj.weight, self.q_bias)), cos, sin)
        k = rotate(self._split(self.k_proj(x)), cos, sin)
        v = self._split(fn.linear(x, self.v_proj.weight, self.v_bias))
        joined = fn.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        out: Tensor = self.proj(self.inner_attn_ln(joined))
        return out

    def _split(self, x: Tensor) -> Tensor:
        """[n, tokens, width] → [n, heads, tokens, head width]."""
        return x.view(*x.shape[:2], self.heads, -1).transpose(1, 2)


class SwiGLU(nn.Module):
    """w3(LayerNorm(SiLU(w1 x) · w2 x))."""

    def __init__(self, config: VisionConfig) -> None:
        """Uninitialized weights."""
        super().__init__()
        self.w1 = nn.Linear(config.width, config.mlp_hidden)
        self.w2 = nn.Linear(config.width, config.mlp_hidden)
        self.ffn_ln = nn.LayerNorm(config.mlp_hidden, eps=config.layer_norm_eps)
        self.w3 = nn.Linear(config.mlp_hidden, config.width)

    def forward(self, x: Tensor) -> Tensor:
        """[…, width] → the same shape."""
        out: Tensor = self.w3(self.ffn_ln(fn.silu(self.w1(x)) * self.w2(x)))
        return out


class Block(nn.Module):
    """Attention and MLP, each on a normalized input and added to it."""

    def __init__(self, config: VisionConfig) -> None:
        """Uninitialized weights."""
        super().__init__()
        self.norm1 = nn.LayerNorm(config.width, eps=config.layer_norm_eps)
        self.attn = Attention(config)
        self.norm2 = nn.LayerNorm(config.width, eps=config.layer_norm_eps)
        self.mlp = SwiGLU(config)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """[n, tokens, width] → the same shape."""
        x = x + self.attn(self.norm1(x), cos, sin)
        out: Tensor = x + self.mlp(self.norm2(x))
        return out


class PatchEmbedding(nn.Module):
    """One token for each patch of the image."""

    def __init__(self, config: VisionConfig) -> None:
        """Uninitialized weights."""
        super().__init__()
        self.proj = nn.Conv2d(3, config.width, kernel_size=config.patch_size, stride=config.patch_size)

    def forward(self, pixels: Tensor) -> Tensor:
        """[n, 3, size, size] → [n, tokens, width], row by row."""
        out: Tensor = self.proj(pixels).flatten(2).transpose(1, 2)
        return out


class VisionTower(nn.Module):
    """Pixels → one token for each patch."""

    def __init__(self, config: VisionConfig) -> None:
        """Uninitialized weights."""
        super().__init__()
        self.cls_token = nn.Parameter(torch.zeros(1, 1, config.width))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + config.image_tokens, config.width))
        self.patch_embed = PatchEmbedding(config)
        self.rope = RotaryTable(config)
        self.blocks = nn.ModuleList([Block(config) for _ in range(config.layers)])

    def forward(self, pixels: Tensor) -> Tensor:
        """Normalized pixels [n, 3, size, size] → [n, patches, width]: the last block's output without its CLS row."""
        patches = self.patch_embed(pixels)
        x = torch.cat((self.cls_token.expand(patches.shape[0], -1, -1), patches), dim=1) + self.pos_embed
        cos, sin = self.rope(x.dtype)
        for block in self.blocks:
            x = block(x, cos, sin)
        return x[:, 1:]

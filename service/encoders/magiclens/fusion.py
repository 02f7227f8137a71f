"""What MagicLens puts on top of CLIP: layers that let image and text see each other, and a pooler.

Both attentions cap their logits, 50 · tanh(logits / 50), as in google-research's praxis and lingvo.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as fn

from service.encoders.magiclens.sizes import Sizes

_CAP = 50.0
_EPS = 1e-6
_ONE_OVER_SOFTPLUS_0 = 1.442695041  # a per-dimension scale of 0 means 1


class CappedAttention(nn.Module):
    """Multi-head attention whose logits stay within ±50."""

    def __init__(self, width: int, heads: int, head_width: int) -> None:
        """Uninitialized weights."""
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, heads * head_width)
        self.key = nn.Linear(width, heads * head_width)
        self.value = nn.Linear(width, heads * head_width)
        self.post = nn.Linear(heads * head_width, width)

    def forward(self, asking: Tensor, tokens: Tensor, scale: Tensor | float) -> Tensor:
        """[n, a, width] looks at [n, tokens, width] → [n, a, width]. `scale` multiplies the queries, [head width]."""
        query = self._split(self.query(asking)) * scale
        logits = query @ self._split(self.key(tokens)).transpose(-1, -2)
        weights = (_CAP * torch.tanh(logits / _CAP)).softmax(dim=-1)
        joined = (weights @ self._split(self.value(tokens))).transpose(1, 2).flatten(2)
        out: Tensor = self.post(joined)
        return out

    def _split(self, x: Tensor) -> Tensor:
        """[n, tokens, inner] → [n, heads, tokens, head width]."""
        return x.view(*x.shape[:2], self.heads, -1).transpose(1, 2)


class FusionLayer(nn.Module):
    """Attention and MLP (ReLU), each on a normalized input and added to it."""

    def __init__(self, sizes: Sizes) -> None:
        """Uninitialized weights."""
        super().__init__()
        width, fusion = sizes.width, sizes.fusion
        self.scale = 1 / math.sqrt(fusion.head_width)
        self.attention_norm = nn.LayerNorm(width, eps=_EPS)
        self.attention = CappedAttention(width, fusion.heads, fusion.head_width)
        self.mlp_norm = nn.LayerNorm(width, eps=_EPS)
        self.linear1 = nn.Linear(width, fusion.hidden)
        self.linear2 = nn.Linear(fusion.hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        """[n, tokens, width] → the same shape."""
        normal = self.attention_norm(x)
        x = x + self.attention(normal, normal, self.scale)
        out: Tensor = x + self.linear2(fn.relu(self.linear1(self.mlp_norm(x))))
        return out


class AttentionPooler(nn.Module):
    """One learned query looks at all tokens; its queries have a learned scale for each dimension of a head."""

    def __init__(self, sizes: Sizes) -> None:
        """Uninitialized weights."""
        super().__init__()
        self.query = nn.Parameter(torch.zeros(1, sizes.width))
        self.per_dim_scale = nn.Parameter(torch.zeros(sizes.pooler_head_width))
        self.attention = CappedAttention(sizes.width, sizes.pooler_heads, sizes.pooler_head_width)
        self.norm = nn.LayerNorm(sizes.width, eps=_EPS)

    def forward(self, tokens: Tensor) -> Tensor:
        """[n, tokens, width] → [n, width]."""
        scale = _ONE_OVER_SOFTPLUS_0 / math.sqrt(len(self.per_dim_scale)) * fn.softplus(self.per_dim_scale)
        pooled = self.attention(self.query.expand(len(tokens), -1, -1), tokens, scale)
        out: Tensor = self.norm(pooled[:, 0])
        return out

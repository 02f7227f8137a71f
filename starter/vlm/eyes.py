"""The vision side: what the decoder is given of each picture, and how alike each candidate is to the query.

Besides the embedder's image tokens and vector, every candidate brings a few likenesses to the query: cosines of the
embedder's vectors (composed, picture, text) and late interaction of cells (Khattab & Zaharia, "ColBERT", arXiv
2004.12832): for every cell of one picture the best match among the cells of the other, averaged with learned weights.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from starter.backbone import FEATURES
from starter.composer import IMAGE_TOKEN_SCALE, WIDTH
from starter.vlm.decoder import HIDDEN

_CELL = 128
LIKENESSES = 5
_VECTOR_SCALE = 16.0
"""Brings the entries of unit vectors near one."""
_RETRIEVAL_SHARPNESS = 20.0


@dataclass(frozen=True, slots=True)
class Seen:
    """Pictures as the embedder sees them: cells [n, 49, 1280], image tokens [n, 8, 384] and own vectors [n, 384]."""

    cells: Tensor
    tokens: Tensor
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
        """[n, 8, 320] for the decoder."""
        shown: Tensor = self.token(seen.tokens / IMAGE_TOKEN_SCALE)
        return shown

    def show_vectors(self, vectors: Tensor) -> Tensor:
        """Unit vectors […, 384] → […, 320]."""
        shown: Tensor = self.vector(vectors * _VECTOR_SCALE)
        return shown

    def compare_cells(self, query: Tensor, candidates: Tensor) -> Tensor:
        """Cells of queries [n, 49, 1280] and of their candidates [n, c, 49, 1280] → likenesses both ways [n, c, 2]."""
        a, b = self.cell_norm(query), self.cell_norm(candidates)
        left, right = (functional.normalize(self.cell(x), dim=-1) for x in (a, b))
        alike = torch.einsum("nid,ncjd->ncij", left, right)
        forward = (alike.amax(-1) * self.importance(a).squeeze(-1).softmax(-1).unsqueeze(1)).sum(-1)
        backward = (alike.amax(-2) * self.importance(b).squeeze(-1).softmax(-1)).sum(-1)
        return torch.stack((forward, backward), -1)

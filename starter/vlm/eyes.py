"""The vision side: what the decoder is given of each picture, and how alike each candidate is to the query.

Besides tokens pooled from the backbone's cells, every candidate brings a few likenesses to the query: cosines of the
embedder's vectors (composed, picture, text) and late interaction of cells (Khattab & Zaharia, "ColBERT", arXiv
2004.12832): for every cell of one picture the best match among the cells of the other, averaged with learned weights.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from starter.backbone import FEATURES
from starter.composer import WIDTH, ImageTokens
from starter.vlm.decoder import HIDDEN

_CELL = 128
LIKENESSES = 5


@dataclass(frozen=True, slots=True)
class Seen:
    """Pictures as the embedder sees them: backbone cells [n, 49, 1280] and own vectors [n, 384]."""

    cells: Tensor
    vectors: Tensor


class Eyes(nn.Module):
    """Attention pooler (it starts as a copy of the embedder's), projections and likenesses."""

    def __init__(self) -> None:
        super().__init__()
        self.pooler = ImageTokens()
        self.tokens = nn.Linear(WIDTH, HIDDEN)
        self.vector = nn.Linear(WIDTH, HIDDEN)
        self.cell_norm = nn.LayerNorm(FEATURES)
        self.cell = nn.Linear(FEATURES, _CELL)
        self.importance = nn.Linear(FEATURES, 1)
        self.likeness = nn.Sequential(nn.Linear(LIKENESSES, 64), nn.GELU(), nn.Linear(64, HIDDEN))

    def pooled(self, cells: Tensor) -> Tensor:
        """[n, 49, 1280] → [n, 8, 320]."""
        tokens: Tensor = self.tokens(self.pooler(cells) / self.pooler.scale)
        return tokens

    def compare_cells(self, query: Tensor, candidates: Tensor) -> Tensor:
        """Cells of queries [n, 49, 1280] and of their candidates [n, c, 49, 1280] → likenesses both ways [n, c, 2]."""
        a, b = self.cell_norm(query), self.cell_norm(candidates)
        left, right = (functional.normalize(self.cell(x), dim=-1) for x in (a, b))
        alike = torch.einsum("nid,ncjd->ncij", left, right)
        forward = (alike.amax(-1) * self.importance(a).squeeze(-1).softmax(-1).unsqueeze(1)).sum(-1)
        backward = (alike.amax(-2) * self.importance(b).squeeze(-1).softmax(-1)).sum(-1)
        return torch.stack((forward, backward), -1)

"""The vision side: what the decoder is given of each image, and how alike each candidate is to the query.

Besides the embedder's image tokens and vector, every candidate brings a few similarities to the query: cosines of the
embedder's vectors (composed, image, text) and late interaction of cells (Khattab & Zaharia, "ColBERT", arXiv
2004.12832): for every cell of one image the best match among the cells of the other, averaged with learned weights.
Cells are those of the candidate's middle; the query, which may be a motif or a product, counts by its better view.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from starter.backbone import FEATURES
from starter.composer import IMAGE_TOKEN_SCALE
from starter.minilm import WIDTH
from starter.views import Views
from starter.vlm.decoder import HIDDEN

CELL_WIDTH = 128
"""Of the vectors by which cells are compared."""
LIKENESSES = 5
_VECTOR_SCALE = 16.0
"""Brings the entries of unit vectors near one."""
_RETRIEVAL_SHARPNESS = 20.0


@dataclass(frozen=True, slots=True)
class Seen:
    """n images of queries as they can be kept, some 85 KB each.

    Of both views: image tokens [n, 8, 384], details (`Eyes.details`) [n, 49, 129] and means over the cells [n, 1280].
    """

    tokens: Views
    details: Views
    means: Views

    def single(self) -> list["Seen"]:
        """The images one by one, as copies, so that keeping one does not keep them all."""
        views = (part.single() for part in (self.tokens, self.details, self.means))
        return [Seen(*parts) for parts in zip(*views, strict=True)]


class Eyes(nn.Module):
    """Projections into the decoder, and similarities."""

    def __init__(self) -> None:
        super().__init__()
        self.token = nn.Linear(WIDTH, HIDDEN)
        self.vector = nn.Linear(WIDTH, HIDDEN)
        self.cell_norm = nn.LayerNorm(FEATURES)
        self.cell = nn.Linear(FEATURES, CELL_WIDTH)
        self.importance = nn.Linear(FEATURES, 1)
        self.likeness = nn.Sequential(nn.Linear(LIKENESSES, 64), nn.GELU(), nn.Linear(64, HIDDEN))
        self.prior = nn.Linear(LIKENESSES, 1)
        with torch.no_grad():  # start from the retrieval order: its cosine alone, at the sharpness of its training
            self.prior.weight.copy_(torch.eye(1, LIKENESSES) * _RETRIEVAL_SHARPNESS)

    def see(self, cells: Views, tokens: Views) -> Seen:
        """What is kept of images, by their cells [n, 49, 1280] and image tokens [n, 8, 384]."""
        return Seen(tokens, cells.through(self.details), cells.through(lambda both: both.mean(1)))

    def show_tokens(self, tokens: Tensor) -> Tensor:
        """Image tokens [n, 8, 384] → [n, 8, 320]."""
        shown: Tensor = self.token(tokens / IMAGE_TOKEN_SCALE)
        return shown

    def show_vectors(self, vectors: Tensor) -> Tensor:
        """Unit vectors […, 384] → […, 320]."""
        shown: Tensor = self.vector(vectors * _VECTOR_SCALE)
        return shown

    def details(self, cells: Tensor) -> Tensor:
        """Cells [n, 49, 1280] → unit vectors to compare them by, and their weights (a logit): [n, 49, 129]."""
        cells = self.cell_norm(cells)
        return torch.cat((functional.normalize(self.cell(cells), dim=-1), self.importance(cells)), -1)

    def compare(self, query: Views, candidates: Tensor) -> Tensor:
        """Details of both views of one image, and of the middles of c candidates [c, 49, 129] → similarities both ways
        [c, 2], by the better view of the query.
        """
        (left, counts), (right, matter) = (torch.split(x, [CELL_WIDTH, 1], -1) for x in (query.both, candidates))
        alike = torch.einsum("vid,cjd->vcij", left, right)
        forward = (alike.amax(-1) * counts.squeeze(-1).softmax(-1).unsqueeze(1)).sum(-1)
        backward = (alike.amax(-2) * matter.squeeze(-1).softmax(-1)).sum(-1)
        return torch.stack((forward, backward), -1).amax(0)

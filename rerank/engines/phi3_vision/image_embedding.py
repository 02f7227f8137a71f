"""Crops → the vectors that take an image's place in the prompt.

Names of modules and parameters are those of the published weights (`model.vision_embed_tokens.…`).
"""

import torch
from torch import Tensor, nn
from transformers import CLIPVisionConfig, CLIPVisionModel

from rerank.engines.phi3_vision.image_processing import MERGED_SIDE

__all__ = ["ImageEmbedding"]


class _Tower(nn.Module):
    """CLIP's vision tower under its published name. Its last layer and norm are stored but never computed."""

    def __init__(self, config: CLIPVisionConfig) -> None:
        super().__init__()
        tower = CLIPVisionModel(config)
        self.vision_model = getattr(tower, "vision_model", tower)  # earlier releases have one level more

    def forward(self, pixels: Tensor) -> Tensor:
        """The output of the last layer but one, `hidden_states[-2]`: [crops, 24, 24, width]."""
        model = self.vision_model
        hidden: Tensor = model.pre_layrnorm(model.embeddings(pixels))
        for layer in model.encoder.layers[:-1]:
            output = layer(hidden, attention_mask=None)
            hidden = output if isinstance(output, Tensor) else output[0]
        return hidden[:, 1:].reshape(len(hidden), 2 * MERGED_SIDE, 2 * MERGED_SIDE, -1)


class ImageEmbedding(nn.Module):
    """Tower, 2 × 2 merge, separators, and a projection into the width of the language model."""

    def __init__(self, config: CLIPVisionConfig, hidden_size: int) -> None:
        super().__init__()
        width = 4 * config.hidden_size
        self.img_processor = _Tower(config)
        self.glb_GN = nn.Parameter(torch.zeros(1, 1, width))
        self.sub_GN = nn.Parameter(torch.zeros(1, 1, 1, width))
        self.img_projection = nn.Sequential(
            nn.Linear(width, hidden_size), nn.GELU(), nn.Linear(hidden_size, hidden_size)
        )

    def forward(self, pixels: Tensor, rows: int, columns: int) -> Tensor:
        """[1 + rows · columns, 3, 336, 336] → [tokens, hidden size].

        The crops come first, read as one image, then a separator, then the global view.
        """
        merged = _merge(self.img_processor(pixels.to(self.glb_GN.dtype)))
        side = MERGED_SIDE
        grid = merged[1:].reshape(rows, columns, side, side, -1).transpose(1, 2)
        crops = grid.reshape(rows * side, columns * side, -1)
        parts = (self._lines(crops), self.glb_GN[0], self._lines(merged[0]))
        features: Tensor = self.img_projection(torch.cat(parts))
        return features

    def _lines(self, grid: Tensor) -> Tensor:
        """[height, width, channels] → [height · (width + 1), channels]: one separator behind every line."""
        ends = self.sub_GN[0].expand(len(grid), 1, -1)
        return torch.cat((grid, ends), dim=1).flatten(0, 1)


def _merge(patches: Tensor) -> Tensor:
    """[crops, 24, 24, width] → [crops, 12, 12, 4 · width]: top left, top right, bottom left, bottom right."""
    pairs = patches.reshape(len(patches), MERGED_SIDE, 2, MERGED_SIDE, 2, -1)
    return pairs.transpose(2, 3).flatten(3)

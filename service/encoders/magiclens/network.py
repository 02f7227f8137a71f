"""MagicLens: CLIP's two embeddings, made one (Zhang et al. 2024, arXiv:2403.19651)."""

import torch
from torch import Tensor, nn
from transformers import CLIPModel

from service.encoders.magiclens.fusion import AttentionPooler, FusionLayer
from service.encoders.magiclens.sizes import Sizes


class MagicLens(nn.Module):
    """An image with a text → a unit vector. Created with meaningless weights; see `weights.py` for loading."""

    def __init__(self, sizes: Sizes) -> None:
        """Make the modules."""
        super().__init__()
        self.sizes = sizes
        self.clip = CLIPModel(sizes.clip_config())
        self.fusion = nn.ModuleList([FusionLayer(sizes) for _ in range(sizes.fusion.layers)])
        self.pooler = AttentionPooler(sizes)

    @property
    def dtype(self) -> torch.dtype:
        """Dtype of the weights."""
        return self.pooler.norm.weight.dtype

    def restore_positions(self, device: torch.device) -> None:
        """Fill the tables of CLIP that are in no file: 0, 1, 2, …"""
        for part in (self.clip.text_model.embeddings, self.clip.vision_model.embeddings):
            part.position_ids = torch.arange(part.position_ids.shape[-1], device=device).expand((1, -1))

    def embed(self, pixels: Tensor, ids: Tensor) -> Tensor:
        """Normalized pixels [n, 3, size, size] and token ids [n, length], padded with 0 → float32 [n, width]."""
        found: Tensor = self.pooler(self.tokens(pixels, ids)).float()
        return found * torch.rsqrt(found.square().sum(dim=-1, keepdim=True) + 1e-12)

    def tokens(self, pixels: Tensor, ids: Tensor) -> Tensor:
        """The image's token and the text's after the fusion: [n, 2, width]. CLIP's embeddings enter as they are."""
        pair = torch.stack((self.image_features(pixels), self.text_features(ids)), dim=1)
        for layer in self.fusion:
            pair = layer(pair)
        return pair

    def image_features(self, pixels: Tensor) -> Tensor:
        """CLIP's projection of images, not normalized: [n, width]."""
        out: Tensor = self.clip.get_image_features(pixels.to(self.dtype)).pooler_output
        return out

    def text_features(self, ids: Tensor) -> Tensor:
        """CLIP's projection of texts, not normalized: [n, width].

        Id 0 is never looked at: it is the padding, and also the symbol "!" where another sign follows it.
        """
        out: Tensor = self.clip.get_text_features(ids, attention_mask=(ids > 0).long()).pooler_output
        return out

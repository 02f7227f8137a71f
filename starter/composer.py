"""The starter's composed encoder: `[CLS] + image tokens + text[1:]` through MiniLM-L6, pooled and L2-normalized.

The composition is that of Visualized BGE (arXiv 2406.04292) at small size. Image tokens come from frozen
EfficientNet-Lite0 cells through a perceiver (learned queries that attend to the cells, arXiv 2103.03206), which also
reads what ImageNet's classifier says about ten regions, written as MiniLM embeddings of the class names. MiniLM is
frozen but for low-rank updates (arXiv 2106.09685), which are merged when the weights are loaded.
"""

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional

from starter.backbone import CELLS, CLASSES, FEATURES
from starter.minilm import WIDTH, MiniLM, load_minilm
from starter.reading import Reading
from starter.views import Views, blend

IMAGE_TOKENS = 8
_REGIONS = 10
_HEADS = 6
IMAGE_TOKEN_SCALE = 0.05
"""MiniLM's word embeddings are short; image tokens start at their length."""
_ADAPTED = (
    "attention.self.query",
    "attention.self.key",
    "attention.self.value",
    "attention.output.dense",
    "intermediate.dense",
    "output.dense",
)
"""The linear layers of a BERT layer that get a low-rank update."""


class LowRank(nn.Module):
    """A frozen linear layer plus a trained update of rank `rank`: x·Wᵀ + b + x·Aᵀ·Bᵀ."""

    def __init__(self, base: nn.Linear, rank: int) -> None:
        super().__init__()
        self.base = base.requires_grad_(False)
        self.down = nn.Parameter(torch.randn(rank, base.in_features) / math.sqrt(base.in_features))
        self.up = nn.Parameter(torch.zeros(base.out_features, rank))

    def forward(self, x: Tensor) -> Tensor:
        """[…, in] → […, out]."""
        base: Tensor = self.base(x)
        return base + functional.linear(functional.linear(x, self.down), self.up)

    def merged(self) -> nn.Linear:
        """The plain layer that computes the same."""
        with torch.no_grad():  # MiniLM's own weights are mapped from its file
            self.base.weight = nn.Parameter(self.base.weight + self.up @ self.down, requires_grad=False)
        return self.base


class _Reader(nn.Module):
    """One perceiver layer: the latents read the cells, speak with one another, and think."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(WIDTH)
        self.cross: nn.MultiheadAttention | Reading = nn.MultiheadAttention(WIDTH, _HEADS, batch_first=True)
        self.block = nn.TransformerEncoderLayer(
            WIDTH, _HEADS, 1024, dropout=0.05, activation="gelu", batch_first=True, norm_first=True
        )

    def forward(self, latents: Tensor, cells: Tensor) -> Tensor:
        """Latents [n, t, 384], cells [n, m, 384] → latents [n, t, 384]."""
        if isinstance(self.cross, Reading):
            read = self.cross(self.norm(latents), cells)
        else:
            read, _ = self.cross(self.norm(latents), cells, cells, need_weights=False)
        thought: Tensor = self.block(latents + read)
        return thought

    def spare(self) -> None:
        """Do without what only training needs."""
        if isinstance(self.cross, nn.MultiheadAttention):
            self.cross = Reading(self.cross)


class ImageTokens(nn.Module):
    """Backbone cells → image tokens in MiniLM's embedding space."""

    __call__: Callable[..., Tensor]  # torch leaves it at Any
    head_weight: Tensor
    head_bias: Tensor
    class_names: Tensor
    regions: Tensor

    def __init__(self, layers: int = 2) -> None:
        super().__init__()
        self.register_buffer("head_weight", torch.zeros(CLASSES, FEATURES), persistent=False)
        self.register_buffer("head_bias", torch.zeros(CLASSES), persistent=False)
        self.register_buffer("class_names", torch.zeros(CLASSES, WIDTH))
        self.register_buffer("regions", _regions(), persistent=False)
        self.norm = nn.LayerNorm(FEATURES)
        self.project = nn.Linear(FEATURES, WIDTH)
        self.named = nn.Linear(WIDTH, WIDTH)
        self.place = nn.Parameter(torch.randn(CELLS + _REGIONS, WIDTH) * 0.02)
        self.cells_norm = nn.LayerNorm(WIDTH)
        self.latents = nn.Parameter(torch.randn(IMAGE_TOKENS, WIDTH) * 0.5)
        self.readers = nn.ModuleList(_Reader() for _ in range(layers))
        self.out = nn.LayerNorm(WIDTH)
        self.scale = nn.Parameter(torch.tensor(IMAGE_TOKEN_SCALE))

    def take_head(self, head: tuple[Tensor, Tensor]) -> None:
        """Use the backbone's classifier (`Backbone.head`); it is frozen and not part of the weights."""
        self.head_weight, self.head_bias = (part.detach() for part in head)

    def spare(self) -> None:
        """Do without what only training needs."""
        for reader in self.readers:
            assert isinstance(reader, _Reader)
            reader.spare()

    def _region_names(self, cells: Tensor) -> Tensor:
        """What the ImageNet head sees in nine overlapping regions and in the whole: [n, 49, 1280] → [n, 10, 384]."""
        regions = self.regions @ cells
        return functional.linear(regions, self.head_weight, self.head_bias).softmax(-1) @ self.class_names

    def forward(self, cells: Tensor) -> Tensor:
        """[n, 49, 1280] → [n, 8, 384]."""
        with torch.no_grad():
            names = self._region_names(cells)
        seen = torch.cat((self.project(self.norm(cells)), self.named(names)), 1) + self.place
        seen, latents = self.cells_norm(seen), self.latents.expand(cells.shape[0], -1, -1)
        for reader in self.readers:
            latents = reader(latents, seen)
        tokens: Tensor = self.out(latents)
        return tokens * self.scale


def _regions() -> Tensor:
    """Matrix of means over nine overlapping squares of three by three cells, and over all, [10, 49]."""
    cells = torch.eye(CELLS).view(CELLS, 7, 7)
    squares = functional.avg_pool2d(cells, 3, 2).flatten(1).T
    return torch.cat((squares, torch.full((1, CELLS), 1 / CELLS))).contiguous()


class Composer(nn.Module):
    """Text, image tokens or both → one unit vector."""

    __call__: Callable[..., Tensor]  # torch leaves it at Any

    def __init__(self, rank: int = 16) -> None:
        super().__init__()
        self.bert = load_minilm()
        self.images = ImageTokens()
        for layer in self.bert.encoder.layer:
            for parent, name in _adapted(layer):
                setattr(parent, name, LowRank(getattr(parent, name), rank))

    def trained_state(self) -> dict[str, Tensor]:
        """What training changed (and the class names): everything that MiniLM's package does not bring."""
        return {name: value for name, value in self.state_dict().items() if not _from_package(name)}

    def merge(self) -> "Composer":
        """Fold the low-rank updates into MiniLM's layers, and let images be read with less work, for inference."""
        self.images.spare()
        for layer in self.bert.encoder.layer:
            for parent, name in _adapted(layer):
                setattr(parent, name, getattr(parent, name).merged())
        return self.eval()

    def forward(self, image_tokens: Tensor | None, ids: Tensor | None, mask: Tensor | None) -> Tensor:
        """Pool one batch of one kind.

        Args:
            image_tokens: [n, 8, 384] or None.
            ids, mask: token ids and attention mask [n, t] with [CLS] first and [SEP] last, or None for no text at all
                (then `image_tokens` is followed by [SEP] alone).

        Returns:
            Unit vectors [n, 384].
        """
        return pooled(self.bert, *sequence(self.bert.embeddings.word_embeddings, image_tokens, ids, mask))

    def blended(self, tokens: Views, ids: Tensor | None, mask: Tensor | None) -> Tensor:
        """`forward` for both views of n images, with the texts of `forward`; one unit vector each, [n, 384]."""
        return blend(through_both(self, tokens, ids, mask))


def sequence(
    words: nn.Embedding, image_tokens: Tensor | None, ids: Tensor | None, mask: Tensor | None
) -> tuple[Tensor, Tensor]:
    """What BERT reads for the arguments of `Composer.forward`: [n, m, 384] and its mask [n, m]."""
    if image_tokens is None:
        assert ids is not None and mask is not None
        return words(ids), mask
    if ids is None or mask is None:
        ids = torch.tensor([[101, 102]]).expand(len(image_tokens), -1)
        mask = torch.ones_like(ids)
    embedded = words(ids)
    inputs = torch.cat((embedded[:, :1], image_tokens, embedded[:, 1:]), 1)
    return inputs, torch.cat((mask[:, :1].expand(-1, 1 + image_tokens.shape[1]), mask[:, 1:]), 1)


def through_both(
    compose: Callable[[Tensor, Tensor | None, Tensor | None], Tensor],
    tokens: Views,
    ids: Tensor | None,
    mask: Tensor | None,
) -> Views:
    """`compose` for both views of n images, each with its text, in one pass."""
    ids, mask = (None if part is None else part.repeat(2, 1) for part in (ids, mask))
    return tokens.through(lambda both: compose(both, ids, mask))


def pooled(bert: MiniLM, inputs: Tensor, mask: Tensor) -> Tensor:
    """The mean over the tokens of the last layer, unit length: [n, t, 384], mask [n, t] → [n, 384]."""
    hidden = bert(inputs_embeds=inputs, attention_mask=mask).last_hidden_state
    weights = mask.unsqueeze(-1).to(hidden.dtype)
    return functional.normalize((hidden * weights).sum(1) / weights.sum(1), dim=-1)


class PooledMiniLM(nn.Module):
    """`pooled` as a module."""

    def __init__(self, bert: MiniLM) -> None:
        super().__init__()
        self.bert = bert

    def forward(self, inputs: Tensor, mask: Tensor) -> Tensor:
        """[n, t, 384], mask [n, t] → unit vectors [n, 384]."""
        return pooled(self.bert, inputs, mask)


def _adapted(layer: nn.Module) -> Iterator[tuple[nn.Module, str]]:
    """`_ADAPTED` in one BERT layer, each as its parent and its name there."""
    for path in _ADAPTED:
        parent, _, name = path.rpartition(".")
        yield layer.get_submodule(parent), name


def _from_package(name: str) -> bool:
    return name.startswith("bert.") and not name.endswith((".up", ".down"))

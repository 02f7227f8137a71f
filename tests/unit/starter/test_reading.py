"""Image tokens by fewer operations are those of the modules that were trained."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from starter.backbone import CELLS, FEATURES
from starter.composer import ImageTokens
from starter.reading import Reading


@pytest.mark.parametrize("rows", [1, 3])
def test_reading_is_multi_head_attention(rows: int) -> None:
    attention = nn.MultiheadAttention(24, 4, batch_first=True).eval()
    nn.init.normal_(attention.in_proj_bias)  # they begin at zero
    nn.init.normal_(attention.out_proj.bias)
    latents, cells = torch.randn(rows, 5, 24), torch.randn(rows, 11, 24)
    with torch.inference_mode():
        expected, _ = attention(latents, cells, cells, need_weights=False)
        assert torch.allclose(Reading(attention)(latents, cells), expected, atol=1e-5)


def test_regions_are_means_over_squares_and_over_all() -> None:
    cells = torch.randn(2, CELLS, FEATURES)
    squares = functional.avg_pool2d(cells.transpose(1, 2).reshape(2, FEATURES, 7, 7), 3, 2).flatten(2).transpose(1, 2)
    regions = ImageTokens().regions @ cells
    assert torch.allclose(regions, torch.cat((squares, cells.mean(1, keepdim=True)), 1), atol=1e-5)

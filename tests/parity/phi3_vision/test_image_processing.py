"""Crops of an image: the published numbers, and shapes that no published image has."""

import pytest
import torch
from PIL import Image

from rerank.engines.phi3_vision.image_processing import cut, hd_transform, token_count
from tests.parity.phi3_vision.golden_data import EXPECTED, WITH_IMAGES, Case


@pytest.mark.parametrize("case", WITH_IMAGES, ids=lambda case: case.id)
def test_crops_are_those_of_the_published_processor(case: Case) -> None:
    seen = [cut(image, case.num_crops) for image in case.images()]
    assert [[336 * crops.rows, 336 * crops.columns] for crops in seen] == case.raw["image_sizes"]
    assert [crops.tokens for crops in seen] == case.raw["num_img_tokens"]
    pixels = torch.zeros(case.raw["pixel_values"]["shape"])  # where crops are missing upstream has black ones
    for row, crops in zip(pixels, seen, strict=True):
        row[: len(crops.pixels)] = crops.pixels
    assert pixels.double().sum().item() == pytest.approx(case.raw["pixel_values"]["sum"], rel=1e-5)
    assert pixels.double().mean().item() == pytest.approx(case.raw["pixel_values"]["mean"], rel=1e-5)
    sample = EXPECTED.get(f"pixel_sample.{case.id}")
    if sample is not None:
        torch.testing.assert_close(pixels[:, :, :, ::16, ::16].flatten(), sample, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("size", "tokens"),  # of 1, 4, 6, 9 and 16 crops
    [
        ((500, 500), (313, 757, 757, 1489, 2509)),
        ((640, 480), (313, 757, 757, 1489, 1921)),
        ((1200, 900), (313, 757, 757, 1489, 1921)),
        ((480, 640), (313, 757, 757, 1489, 1933)),
        ((800, 400), (313, 457, 1045, 1333, 2353)),
    ],
)
def test_tokens_by_shape_and_crops(size: tuple[int, int], tokens: tuple[int, ...]) -> None:
    fitted = [hd_transform(Image.new("RGB", size), crops) for crops in (1, 4, 6, 9, 16)]
    assert tuple(token_count(image.height // 336, image.width // 336) for image in fitted) == tokens


@pytest.mark.parametrize("size", [(1, 1), (4000, 1), (1, 4000), (3, 5000)])
@pytest.mark.parametrize("num_crops", [1, 4, 16])
def test_a_line_of_pixels_is_an_image_too(size: tuple[int, int], num_crops: int) -> None:
    crops = cut(Image.new("RGB", size, "red"), num_crops)
    assert crops.rows * crops.columns <= num_crops
    assert crops.pixels.isfinite().all()


def test_no_crop_is_an_error() -> None:
    with pytest.raises(ValueError, match="one crop"):
        cut(Image.new("RGB", (8, 8)), 0)

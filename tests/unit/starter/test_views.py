"""The two views of an image."""

import threading
import time
from collections.abc import Sequence

import pytest
import torch
from PIL import Image
from torch import Tensor

from starter import views
from starter.backbone import Backbone, preprocess
from starter.views import _PREPARED, Views, blend, look, pixels, prepare


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    return Backbone()


def framed(size: tuple[int, int]) -> Image.Image:
    """White, but for two fifths in the middle."""
    image = Image.new("RGB", size, "white")
    width, height = size[0] * 2 // 5, size[1] * 2 // 5
    left, top = (size[0] - width) // 2, (size[1] - height) // 2
    image.paste((200, 30, 30), (left, top, left + width, top + height))
    return image


@pytest.mark.parametrize("size", [(300, 300), (400, 200), (100, 350)])
def test_the_second_view_is_the_middle_alone(backbone: Backbone, size: tuple[int, int]) -> None:
    middle = Image.new("RGB", (size[0] * 2 // 5, size[1] * 2 // 5), (200, 30, 30))
    seen = look(backbone, [framed(size)])
    assert torch.allclose(seen.whole, backbone(preprocess([framed(size)])), atol=1e-4)
    assert torch.allclose(seen.middle, backbone(preprocess([middle])), atol=1e-4)


def test_views_of_several_images_stay_together(backbone: Backbone) -> None:
    images = [framed((200, 200)), Image.new("RGB", (50, 50), (0, 90, 200)), Image.new("RGB", (1, 1))]
    together = look(backbone, images)
    for one, image in zip(together.single(), images, strict=True):
        alone = look(backbone, [image])
        assert torch.allclose(one.both, alone.both, atol=1e-4)
    assert torch.equal(Views.joined(together.single()).both, together.both)


def test_a_blend_is_of_unit_length_and_nearer_to_the_whole() -> None:
    whole, middle = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    blended = blend(Views(whole, middle))
    assert torch.allclose(blended.norm(dim=1), torch.ones(1))
    assert blended[0, 0] > blended[0, 1] > 0
    assert torch.equal(Views.split(Views(whole, middle).both).middle, middle)


def test_prepared_images_have_the_same_pixels_and_are_prepared_for_one_look() -> None:
    images = [framed((200, 300)), Image.new("RGB", (50, 50), (0, 90, 200)), framed((90, 40))]
    expected = pixels(images)
    prepare(images[1:])
    assert len(_PREPARED) == 2
    assert torch.equal(pixels(images), expected)
    assert len(_PREPARED) == 0
    assert torch.equal(pixels(images), expected)


def test_what_was_prepared_is_forgotten_with_the_image() -> None:
    image = framed((30, 30))
    prepare([image])
    del image  # the thread that prepares it may still have it
    give_up = time.monotonic() + 30
    while len(_PREPARED) and time.monotonic() < give_up:
        time.sleep(0.001)
    assert len(_PREPARED) == 0


def test_a_look_waits_for_images_in_preparation(monkeypatch: pytest.MonkeyPatch) -> None:
    image, may_go_on, made = framed((60, 60)), threading.Event(), list[Tensor]()
    expected = pixels([image])

    def late(images: Sequence[Image.Image]) -> Tensor:
        assert may_go_on.wait(30)
        made.append(expected.clone())
        return made[0]

    monkeypatch.setattr(views, "_both_views", late)
    prepare([image])
    assert not made  # it did not wait
    threading.Timer(0.05, may_go_on.set).start()
    assert torch.equal(pixels([image]), expected)
    assert len(made) == 1


def test_what_preparation_raises_reaches_the_look(monkeypatch: pytest.MonkeyPatch) -> None:
    image = framed((60, 60))

    def fail(images: Sequence[Image.Image]) -> Tensor:
        raise MemoryError

    monkeypatch.setattr(views, "_both_views", fail)
    prepare([image])
    with pytest.raises(MemoryError):
        pixels([image])

"""The bound on pixels in progress."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
from PIL import Image

from rerank.cancellation import Cancellation, Cancelled, current_cancellation
from service.errors import CorruptImage
from service.images import decode
from service.images.decode import ImageLimits, decode_image
from service.images.pixel_budget import PixelBudget
from tests.unit.service.images.sample_images import encoded, two_tone


class Watched:
    """Counts what is in progress, and how much at most."""

    def __init__(self) -> None:
        self.now = self.most = 0
        self._lock = threading.Lock()

    def work(self, budget: PixelBudget, pixels: int) -> None:
        with budget.spend(pixels, 10):
            with self._lock:
                self.now += pixels
                self.most = max(self.most, self.now)
            threading.Event().wait(0.002)
            with self._lock:
                self.now -= pixels


def test_no_more_than_the_budget_is_under_way_whatever_comes_together() -> None:
    budget, watched = PixelBudget(), Watched()
    with ThreadPoolExecutor(16) as threads:
        for done in [threads.submit(watched.work, budget, pixels) for pixels in [1, 3, 6, 10, 4, 2] * 8]:
            done.result()
    assert 6 <= watched.most <= 10


def test_what_is_larger_than_the_budget_is_alone_and_is_not_starved() -> None:
    budget, watched = PixelBudget(), Watched()
    with ThreadPoolExecutor(16) as threads:
        for done in [threads.submit(watched.work, budget, pixels) for pixels in [1] * 30 + [50] + [1] * 30]:
            done.result()
    assert watched.most == 50


def test_it_comes_back_after_an_error() -> None:
    budget = PixelBudget()
    with pytest.raises(KeyError), budget.spend(10, 10):
        raise KeyError
    with budget.spend(10, 10):
        pass


def test_a_caller_that_has_gone_leaves_the_queue_and_lets_the_next_one_in() -> None:
    budget, cancellation, waits = PixelBudget(), Cancellation(), threading.Event()

    def leave() -> None:
        current_cancellation.set(cancellation)
        waits.set()
        with pytest.raises(Cancelled), budget.spend(10, 10):
            raise AssertionError("it has gone")

    with ThreadPoolExecutor(2) as threads, budget.spend(8, 10):
        gone = threads.submit(leave)
        assert waits.wait(20)
        cancellation.cancel()
        gone.result(20)
        with budget.spend(2, 10):  # behind the one that left
            pass
    with budget.spend(10, 10):
        pass


def test_a_client_that_has_gone_is_no_corrupt_image() -> None:
    cancellation = Cancellation()
    cancellation.cancel()
    token = current_cancellation.set(cancellation)
    try:
        with pytest.raises(Cancelled):
            decode_image(encoded(two_tone()), ImageLimits())
    finally:
        current_cancellation.reset(token)


def test_every_decoded_image_is_counted_by_what_its_decoder_unpacks(monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[int] = []
    spend = PixelBudget.spend

    def counting(self: PixelBudget, pixels: int, most: int) -> AbstractContextManager[None]:
        counted.append(pixels)
        return spend(self, pixels, most)

    monkeypatch.setattr(PixelBudget, "spend", counting)
    image, limits = two_tone((800, 400)), ImageLimits(working_side=100)
    for data in (
        encoded(image),
        encoded(image, "WEBP"),
        encoded(image, "JPEG", progressive=True),
        encoded(image, "JPEG"),  # read at an eighth
    ):
        decode_image(data, limits)
    assert counted == [320_000, 930_909, 188_273, 5_000]
    with pytest.raises(CorruptImage):
        decode_image(encoded(image)[:-500], limits)
    with decode.DECODING.spend(1, 1):  # nothing is held any more
        pass


def test_pixels_lie_in_blocks_that_go_back_to_the_system_when_they_are_freed() -> None:
    held_back_at_most = 32 * 2**20  # by malloc of glibc
    assert Image.core.get_block_size() > held_back_at_most  # type: ignore[attr-defined]


def test_the_pixels_of_a_file_are_freed_before_the_room_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Image.Image] = []
    held: list[bool] = []
    open_image, spend = Image.open, PixelBudget.spend

    def opening(*args: Any, **options: Any) -> Image.Image:
        opened.append(open_image(*args, **options))
        return opened[-1]

    @contextmanager
    def watched(self: PixelBudget, pixels: int, most: int) -> Iterator[None]:
        with spend(self, pixels, most):
            yield
            try:
                held.append(bool(opened[-1].getpixel((0, 0))))
            except ValueError:  # Pillow: operation on closed image
                held.append(False)

    monkeypatch.setattr(Image, "open", opening)
    monkeypatch.setattr(PixelBudget, "spend", watched)
    for format in ("PNG", "JPEG", "WEBP"):
        assert decode_image(encoded(two_tone(), format), ImageLimits()).image.size == (60, 30)
    assert held == [False, False, False]

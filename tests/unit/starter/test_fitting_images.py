"""What the closed-form models are fitted on: each image looked at once, and each model's part of them."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("resvg_py", reason="the packages for training are not installed")

from starter.training import seen_images
from starter.training.emoji import EmojiConcept
from starter.training.fitting_images import drawn
from starter.training.naming_examples import _of_drawings
from starter.training.seen_images import SeenImage, Shown, _look, _missing, _read

RED = Image.new("RGBA", (32, 32), "red")
MOTIF = EmojiConcept("1f339", "rose", (), "plant-flower")
PERSON = EmojiConcept("1f9d1", "person", (), "person")


def two_images(number: int) -> list[Shown]:
    return [(SeenImage(str(number), "rose", "fluent"), RED), (SeenImage(str(number), "rose", "fluent", "mug"), RED)]


def wholes_and_middles(onnx: Path, images: Sequence[Image.Image]) -> Iterator[np.ndarray]:
    """All wholes are 1 and all middles 2."""
    for _ in images:
        yield np.repeat(np.array([1, 2], np.float32), 49 * 3).reshape(2, 49, 3)


def test_a_stopped_run_goes_on_with_the_batches_that_are_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seen_images, "_ITEMS", 2)
    monkeypatch.setattr(seen_images, "backbone_blocks", wholes_and_middles)
    first, *_ = _missing(tmp_path, range(5))
    _look(tmp_path / "none.onnx", two_images, first)
    assert [batch for _, batch in _missing(tmp_path, range(5))] == [(2, 3), (4,)]
    for job in list(_missing(tmp_path, range(5))):
        _look(tmp_path / "none.onnx", two_images, job)
    rows, features = _read(tmp_path)
    assert [row.thing for row in rows] == [str(number) for number in range(5) for _ in two_images(0)]
    assert features.shape == (10, 2, 3) and np.all(features[:, 0] == 1) and np.all(features[:, 1] == 2)


def test_motifs_are_drawn_on_products_and_what_has_no_name_is_not() -> None:
    rows = [row for row, _ in drawn((MOTIF, "fluent", RED))]
    assert [row.kind is None for row in rows] == [True, False, False] and len({row.color for row in rows}) == 3
    assert rows == [row for row, _ in drawn((MOTIF, "fluent", RED))]
    assert [(row.thing, row.kind) for row, _ in drawn((PERSON, "fluent", RED))] == [("1f9d1", None)]


def test_the_namer_takes_motifs_whole_and_prints_by_the_middle() -> None:
    styles = ("fluent", "noto", "streamline-emojis")
    rows = [row for style in styles for row, _ in drawn((MOTIF, style, RED))]
    rows += [row for row, _ in drawn((PERSON, "fluent", RED))]
    found = [(one.part, one.style, view) for one, _, view in _of_drawings(rows, {"1f339": ("a rose",), "1f9d1": ()})]
    kept = [one for one in found if one[0] != "kind"]
    assert kept == [
        ("alone", "fluent", 0), ("printed", "fluent", 1), ("alone", "noto", 0), ("printed", "noto", 1),
        ("alone", "fluent", 0),
    ]  # fmt: skip

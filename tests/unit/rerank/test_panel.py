"""The panel: any number of candidates, proportions kept, every label really visible."""

import pytest
from PIL import Image

from rerank.labels import labels
from rerank.panel import blank, draw_panel
from rerank.thumbnails import ThumbnailCache

CELL = 300
BADGE, QUERY_BLUE = (200, 16, 46), (20, 87, 217)


def solid(colour: str, size: tuple[int, int] = (100, 100)) -> Image.Image:
    return Image.new("RGB", size, colour)


def count(region: Image.Image, colour: tuple[int, int, int]) -> int:
    """Pixels of exactly this color."""
    return sum(n for n, found in region.getcolors(region.width * region.height) or [] if found == colour)


def cell_of(panel: Image.Image, index: int, left: int = CELL, columns: int = 3) -> Image.Image:
    x, y = left + index % columns * CELL, index // columns * CELL
    return panel.crop((x, y, x + CELL, y + CELL))


def test_nine_and_a_query_are_1200_by_900() -> None:
    panel = draw_panel(solid("green"), [solid("lime")] * 9, labels(9))
    assert (panel.size, panel.mode) == ((1200, 900), "RGB")


@pytest.mark.parametrize("n", range(1, 27))
@pytest.mark.parametrize("with_query", [True, False])
def test_every_number_of_candidates_fits(n: int, with_query: bool) -> None:
    panel = draw_panel(solid("green") if with_query else None, [solid("lime")] * n, labels(n))
    left = CELL if with_query else 0
    assert panel.size == (left + min(n, 3) * CELL, -(-n // 3) * CELL)
    for index in range(n):
        cell = cell_of(panel, index, left, min(n, 3))
        assert count(cell, BADGE) > 500, "badge"
        assert count(cell.crop((12, 12, 44, 44)), (255, 255, 255)) > 60, "the letter on it"
        assert count(cell, (0, 255, 0)) > 0.6 * CELL * CELL, "the picture"


@pytest.mark.parametrize("n", [1, 3, 4, 9, 26])
def test_the_query_is_framed_and_its_label_stands_on_the_canvas(n: int) -> None:
    panel = draw_panel(solid("green"), [solid("lime")] * n, labels(n))
    top = (-(-n // 3) - 1) // 2 * CELL
    cell = panel.crop((0, top, CELL, top + CELL))
    assert count(cell, QUERY_BLUE) > 10_000
    assert count(cell.crop((90, 250, 210, 293)), (255, 255, 255)) > 300, "the word query, white on blue"
    assert count(cell, (0, 128, 0)) > 0.5 * CELL * CELL


def test_labels_differ_from_each_other() -> None:
    panel = draw_panel(None, [solid("lime")] * 26, labels(26))
    badges = {cell_of(panel, index, 0).crop((8, 8, 50, 50)).tobytes() for index in range(26)}
    assert len(badges) == 26


@pytest.mark.parametrize("size", [(400, 100), (100, 400), (1, 5000), (5000, 1), (8, 8)])
def test_proportions_are_kept(size: tuple[int, int]) -> None:
    cell = draw_panel(None, [solid("lime", size)], labels(1))
    mask = cell.split()[0].point(lambda red: 255 if red < 20 else 0)
    box = mask.crop((50, 50, CELL - 1, CELL - 1)).getbbox()
    assert box is not None
    shown = max(1, box[2] - box[0]) / max(1, box[3] - box[1])
    wanted = min(max(size[0] / size[1], 1 / 249), 249)
    assert shown == pytest.approx(wanted, rel=0.3)


def test_a_missing_image_is_an_empty_cell_that_says_so() -> None:
    panel = draw_panel(None, [None, solid("lime")], labels(2))
    assert 0 < count(cell_of(panel, 0, 0), (138, 147, 160)) < 5000
    assert blank(64).size == (64, 64)


def test_images_are_left_as_they_were() -> None:
    image = solid("lime", (50, 40))
    before = image.tobytes()
    draw_panel(image, [image], labels(1))
    assert image.tobytes() == before


def test_thumbnails_are_made_once_and_look_the_same() -> None:
    shown = [Image.radial_gradient("L").convert("RGB"), solid("lime", (60, 90)), None]
    cache, keys = ThumbnailCache(), ["a", "b", None]
    plain = draw_panel(solid("green"), shown, labels(3))
    for _ in range(2):
        assert draw_panel(solid("green"), shown, labels(3), keys=keys, thumbnails=cache).tobytes() == plain.tobytes()
    assert len(cache) == 2
    shown[0] = None
    other = draw_panel(solid("green"), [solid("red"), shown[1], None], labels(3), keys=keys, thumbnails=cache)
    assert other.tobytes() == plain.tobytes(), "the key stands for the picture"


def test_each_candidate_has_a_key_or_none_has() -> None:
    with pytest.raises(ValueError, match="1 keys for 2 candidates"):
        draw_panel(None, [solid("lime")] * 2, labels(2), keys=["a"], thumbnails=ThumbnailCache())


def test_cells_and_columns_can_be_chosen() -> None:
    assert draw_panel(None, [solid("lime")] * 10, labels(10), cell=48, columns=5).size == (240, 96)


@pytest.mark.parametrize(
    ("n", "named", "cell", "columns"), [(0, 0, 300, 3), (2, 1, 300, 3), (1, 1, 47, 3), (1, 1, 300, 0)]
)
def test_impossible_panels_are_refused(n: int, named: int, cell: int, columns: int) -> None:
    with pytest.raises(ValueError, match="needed"):
        draw_panel(None, [solid("lime")] * n, labels(named), cell=cell, columns=columns)

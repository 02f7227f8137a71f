"""From packages to features: `python -m starter.training.prepare` (resumable; about 20 minutes on 2 cores)."""

import io
import zipfile
from pathlib import Path

from PIL import Image
from rich.progress import track

from starter.artwork import STYLES
from starter.catalogue import write_queries
from starter.concepts import concept_names, mentions_reserved
from starter.training.artwork import (
    EMOJI_STYLES,
    Artwork,
    EmojiArtists,
    clip_art,
    emoji_names,
    read_index,
    save,
    write_index,
)
from starter.training.emoji import read_emoji
from starter.training.features import build_features
from starter.training.icon_sets import EMOJI_SETS, NAMED_SET, icon_set, words
from starter.training.packages import Packages

CACHE = Path(".cache/starter")
_SEED = 11
_STARTER = Path(__file__).parents[1]


def _emoji_artwork(packages: Packages, split: str, root: Path) -> list[Artwork]:
    artists, rows = EmojiArtists(packages.root, packages.noto_font), []
    reserved = {**concept_names("dev"), **concept_names("held-out")}
    wanted = concept_names(split) if split in ("dev", "held-out") else None
    for concept in track(read_emoji(packages.root / "emojibase"), f"{split} emoji"):
        if wanted is not None and concept.code not in wanted:
            continue
        if wanted is None and (concept.code in reserved or mentions_reserved([concept.name])):
            continue
        for style in EMOJI_STYLES:
            image = artists.draw(style, concept.code)
            if image is not None:
                rows.append(save(image, style, concept.code, emoji_names(concept), root))
    return rows


def _clip_artwork(packages: Packages, root: Path) -> list[Artwork]:
    rows = []
    for stem, names, image in track(clip_art(packages.clip_art_png, packages.clip_art_svg), "clip art", total=7000):
        if not mentions_reserved([*names, stem]):
            row = save(image, "clipart", stem, names, root)
            rows.append(Artwork(row.style, names[0], row.names, row.path))
    return rows


def _icon_artwork(packages: Packages, root: Path) -> list[Artwork]:
    """Icons: of the emoji sets those that draw a training emoji, of the named set all but the reserved motifs."""
    reserved = {**concept_names("dev"), **concept_names("held-out")}
    emoji = {words(c.name): c for c in read_emoji(packages.root / "emojibase") if c.code not in reserved}
    rows = []
    for style in (*EMOJI_SETS, NAMED_SET):
        for name, image in track(icon_set(packages.root / style), style, total=None):
            concept = emoji.get(name)
            if mentions_reserved([name]) or (concept is None and style != NAMED_SET):
                continue
            row = save(image, style, name, emoji_names(concept) if concept else [name], root)
            rows.append(Artwork(row.style, concept.code if concept else name, row.names, row.path))
    return rows


def ship(root: Path, archive: Path) -> None:
    """Pack the held-out artwork in the shipped styles, lossy WebP at 144 pixels, into `starter/artwork.zip`."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as target:
        for row in read_index(root):
            if row.style in STYLES:
                image, data = Image.open(root / row.path), io.BytesIO()
                image.thumbnail((144, 144), Image.Resampling.LANCZOS)
                image.save(data, "WEBP", quality=82)
                target.writestr(
                    zipfile.ZipInfo(f"{row.style}/{row.concept}.webp", (2026, 1, 1, 0, 0, 0)), data.getvalue()
                )


def main() -> None:
    """Fetch, normalize, render, featurise: training and development sets, and the shipped held-out artwork."""
    packages = Packages.default()
    packages.fetch()
    for split in ("held-out", "dev", "train"):
        root = CACHE / split
        if not (root / "index.jsonl").exists():
            rows = _emoji_artwork(packages, split, root)
            if split == "train":
                rows += _clip_artwork(packages, root) + _icon_artwork(packages, root)
            write_index(rows, root)
        if split == "held-out":
            ship(root, _STARTER / "artwork.zip")
            write_queries(_STARTER / "queries")
        else:
            build_features(root, CACHE / f"features-{split}", seed=_SEED)


if __name__ == "__main__":
    main()

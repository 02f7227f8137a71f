"""The packages of the training artwork: npm and Debian packages, by name, downloaded into one cache folder."""

import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

_NPM = {
    "fluent": "@lobehub/fluent-emoji-3d@1.1.0",
    "twemoji": "@twemoji/svg@15.0.0",
    "openmoji": "openmoji@17.0.0",
    "emojibase": "emojibase-data@17.0.0",
    "noto-v1": "@iconify-json/noto-v1@1.2.5",
    "emojione": "@iconify-json/emojione@1.2.3",
    "fluent-emoji-flat": "@iconify-json/fluent-emoji-flat@1.2.6",
    "streamline-emojis": "@iconify-json/streamline-emojis@1.2.4",
    "game-icons": "@iconify-json/game-icons@1.2.4",
}
_DEBIAN = ("fonts-noto-color-emoji", "openclipart-png", "openclipart-svg")


@dataclass(frozen=True, slots=True)
class Packages:
    """The cache folder; its properties name what the readers need."""

    root: Path

    @classmethod
    def default(cls) -> "Packages":
        """`.cache/starter/packages` in the working directory."""
        return cls(Path(".cache/starter/packages"))

    @property
    def noto_font(self) -> Path:
        """Noto Color Emoji as a bitmap font."""
        return self.root / "debian/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf"

    @property
    def clip_art_png(self) -> Path:
        """Open Clip Art, rendered."""
        return self.root / "debian/usr/share/openclipart/png"

    @property
    def clip_art_svg(self) -> Path:
        """Open Clip Art, sources: read for titles and keywords only."""
        return self.root / "debian/usr/share/openclipart/svg"

    def fetch(self) -> None:
        """Download what is missing. Needs `npm`, `apt-get` and `dpkg` (Debian or Ubuntu).

        Raises:
            subprocess.CalledProcessError: a package manager failed; its own message is on the terminal.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        for name, package in _NPM.items():
            if not (self.root / name).exists():
                self._fetch_npm(package, self.root / name)
        if not self.clip_art_svg.exists():
            self._fetch_debian()

    @staticmethod
    def _fetch_npm(package: str, target: Path) -> None:
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(["npm", "pack", "--silent", package], cwd=folder, check=True)
            with tarfile.open(next(Path(folder).glob("*.tgz"))) as archive:
                archive.extractall(folder, filter="data")
            shutil.move(Path(folder) / "package", target)

    def _fetch_debian(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(["apt-get", "download", *_DEBIAN], cwd=folder, check=True)
            for package in Path(folder).glob("*.deb"):
                subprocess.run(["dpkg", "-x", str(package), str(self.root / "debian")], check=True)


if __name__ == "__main__":
    Packages.default().fetch()

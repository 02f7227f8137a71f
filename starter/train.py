"""Make the starter models again: `python -m starter.train [STAGES] [--photos FOLDER]`; resumable at every stage.

Fetches the artwork, renders and featurises the training images, trains the embedder, then the VLM on top of it, and
fits the closed-form heads and the namer. All from packages, but for the photographs: see `starter.training.photos`.
"""

import argparse
import subprocess
import sys

_STAGES = {
    "prepare": ["starter.training.prepare"],
    "embedder": ["starter.training.train_embedder"],
    "vlm": ["starter.training.train_vlm"],
    "heads": ["starter.training.train_heads"],
    "namer": ["starter.training.train_namer"],
}
_SEES_PHOTOS = {"heads", "namer"}


def main() -> None:
    """Run the stages in order, each in its own process so that its memory is given back."""
    parser = argparse.ArgumentParser(prog="python -m starter.train", description=__doc__)
    parser.add_argument("stages", nargs="*", choices=[*_STAGES, []], help="default: all")
    parser.add_argument("--photos", help="a folder of photographs with labels.csv")
    options = parser.parse_args()
    for stage in options.stages or _STAGES:
        photos = ["--photos", options.photos] if options.photos and stage in _SEES_PHOTOS else []
        subprocess.run([sys.executable, "-m", *_STAGES[stage], *photos], check=True)


if __name__ == "__main__":
    main()

"""Make the starter models again, from packages only: `python -m starter.train`; resumable at every stage.

Fetches the artwork, renders and featurises the training images, trains the embedder, then the VLM on top of it.
"""

import argparse
import subprocess
import sys

_STAGES = {
    "prepare": ["starter.training.prepare"],
    "embedder": ["starter.training.train_embedder"],
    "vlm": ["starter.training.train_vlm"],
}


def main() -> None:
    """Run the stages in order, each in its own process so that its memory is given back."""
    parser = argparse.ArgumentParser(prog="python -m starter.train", description=__doc__)
    parser.add_argument("stages", nargs="*", choices=[*_STAGES, []], help="default: all")
    for stage in parser.parse_args().stages or _STAGES:
        subprocess.run([sys.executable, "-m", *_STAGES[stage]], check=True)


if __name__ == "__main__":
    main()

"""`python -m tests.integration.shared_models_entry FORKS FOLDER`: what workers share computes in so many forks.

With 0, it computes in this process. Each writes its results to a file of the folder; prints the names of the threads
that there were before.
"""

from __future__ import annotations

import json
import os
import sys
from functools import partial
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from rerank.query import Query
from service.build import Models
from service.cli.sharing import load_shared
from service.settings import Settings

SETTINGS = Settings(_env_file=None, store_uri="http://127.0.0.1:9", torch_threads=1)


def compute(models: Models, folder: Path) -> None:
    """Embeddings of a text, an image and both, and what the engine ranks an image by."""
    torch.set_num_threads(1)
    image = Image.linear_gradient("L").convert("RGB")
    found = models.encoder.encode([Query("a mug", image), Query("a red shoe"), Query(image=image)])
    engine: Any = models.engine
    results = [found.vectors.tobytes().hex(), engine.extract([image])[0].hex()]
    (folder / str(os.getpid())).write_text(json.dumps(results))


def main() -> None:
    """Load, fork, compute."""
    forks, folder = int(sys.argv[1]), Path(sys.argv[2])
    build = load_shared(SETTINGS)
    assert isinstance(build, partial)
    models: Models = build.keywords["models"]
    print(
        json.dumps([Path(f"/proc/self/task/{task}/comm").read_text().strip() for task in os.listdir("/proc/self/task")])
    )
    for _ in range(forks):
        if os.fork() == 0:
            compute(models, folder)
            os._exit(0)
    for _ in range(forks):
        assert os.wait()[1] == 0
    if not forks:
        compute(models, folder)


if __name__ == "__main__":
    main()

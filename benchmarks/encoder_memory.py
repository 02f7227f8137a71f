"""Peak memory of loading a full-size Visualized BGE on a CPU, against the size of its weights.

`python -m benchmarks.encoder_memory` writes random weights into a scratch folder (as `.pth` and converted) and
loads each in its own process, in torch and compiled: first where its graphs must be exported, then from their cache.
Memory is all that is resident above what the imports take, mapped files too.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from math import prod
from pathlib import Path

import torch

from benchmarks.random_visualized_bge import write_random
from benchmarks.report import Report, Sheet, Value
from service.encoders.visualized_bge.checkpoint import empty_model, used_layout
from service.encoders.visualized_bge.config import PUBLISHED
from service.encoders.visualized_bge.conversion import convert
from service.support.arenas import give_back

WAYS = (("float32", "torch"), ("bfloat16", "torch"), ("float32", "auto"))
"""Dtype and back end."""


def status_mib(field: str) -> float:
    """A field of this process's `/proc/self/status` (Linux), in MiB."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{field}:"))


def measure(name: str, folder: str, dtype: str, backend: str) -> dict[str, float]:
    """Load and encode one image with a text; run in a fresh process."""
    from PIL import Image  # noqa: PLC0415 (imports are part of the baseline only in the child)

    from rerank.query import Query  # noqa: PLC0415
    from service.encoders.visualized_bge.encoder import VisualizedBgeEncoder  # noqa: PLC0415

    before = status_mib("VmRSS")
    encoder = VisualizedBgeEncoder.load(name, folder, device="cpu", dtype=dtype, backend=backend)  # type: ignore[arg-type]
    loaded = status_mib("VmHWM")
    encoder.encode([Query("a phone case with this", Image.new("RGB", (640, 480), "orange"))])
    give_back()  # as the service does
    return {"load": loaded - before, "encode": status_mib("VmHWM") - before, "left": status_mib("VmRSS") - before}


def in_child(name: str, folder: Path, dtype: str, backend: str, cache: Path) -> dict[str, float]:
    """The same in a child process, with the graphs that are in the folder `cache`."""
    command = [sys.executable, "-m", "benchmarks.encoder_memory", name, "--child", str(folder), dtype, backend]
    environment = os.environ | {"XDG_CACHE_HOME": str(cache)}
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment).stdout
    result: dict[str, float] = json.loads(output.splitlines()[-1])
    return result


def compare(name: str, stored: str, scratch: Path) -> Sheet:
    """Both kinds of file, each way."""
    source, converted = scratch / "published", scratch / "converted"
    write_random(name, source, getattr(torch, stored))
    convert(name, source, converted)
    model = PUBLISHED[name]
    numbers = sum(prod(shape) for shape in used_layout(empty_model(model.text, model.vision)).values())
    rows: list[dict[str, Value]] = []
    for label, folder in ((".pth", source), ("safetensors", converted)):
        cache = scratch / f"cache of {label}"
        for dtype, backend in WAYS:
            weights = numbers * getattr(torch, dtype).itemsize / 2**20
            for way in ("torch",) if backend == "torch" else ("compiled, exported", "compiled"):
                got = in_child(name, folder, dtype, backend, cache)
                rows.append(
                    {
                        "file": label,
                        "stored as": stored,
                        "loaded as": dtype,
                        "way": way,
                        "weights MiB": weights,
                        "peak of load MiB": got["load"],
                        "ratio": got["load"] / weights,
                        "after one query MiB": got["encode"],
                        "left MiB": got["left"],
                    }
                )
    return Sheet(name, rows, {"ratio": ".2f"})


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=list(PUBLISHED), nargs="?", default="visualized-bge-base-en")
    parser.add_argument("--stored", choices=("float16", "float32"), default="float16", help="number type of the files")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true", help="print as JSON")
    options = parser.parse_args()
    if options.child:
        print(json.dumps(measure(options.name, *options.child)))
        return
    with tempfile.TemporaryDirectory() as scratch:
        sheet = compare(options.name, options.stored, Path(scratch))
    Report([sheet]).show(as_json=options.json)


if __name__ == "__main__":
    main()

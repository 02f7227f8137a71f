"""Peak memory of loading a full-size Visualized BGE, against the size of its weights.

`python -m benchmarks.encoder_memory` writes random weights into a scratch folder (as `.pth` and converted) and
loads each in its own process. The peak counts all resident memory above that of the imports, mapped files too.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import torch

from benchmarks.random_visualized_bge import write_random
from benchmarks.report import Report, Sheet, Value
from service.encoders.visualized_bge.config import PUBLISHED
from service.encoders.visualized_bge.conversion import convert

DTYPES = ["float32", "bfloat16"]


def status_mib(field: str) -> float:
    """A field of this process's `/proc/self/status` (Linux), in MiB."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{field}:"))


def measure(name: str, folder: str, dtype: str) -> dict[str, float]:
    """Load and encode one image with a text; run in a fresh process."""
    from PIL import Image  # noqa: PLC0415 (imports are part of the baseline only in the child)

    from rerank.query import Query  # noqa: PLC0415
    from service.encoders.visualized_bge.encoder import VisualizedBgeEncoder  # noqa: PLC0415

    before = status_mib("VmRSS")
    encoder = VisualizedBgeEncoder.load(name, folder, device="cpu", dtype=dtype)  # type: ignore[arg-type]
    loaded = status_mib("VmHWM")
    encoder.encode([Query("a phone case with this", Image.new("RGB", (640, 480), "orange"))])
    weights = sum(tensor.nbytes for tensor in encoder._model.state_dict().values()) / 2**20
    return {"weights": weights, "load": loaded - before, "encode": status_mib("VmHWM") - before}


def in_child(name: str, folder: Path, dtype: str) -> dict[str, float]:
    """The same in a child process."""
    command = [sys.executable, "-m", "benchmarks.encoder_memory", name, "--child", str(folder), "--child-dtype", dtype]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    result: dict[str, float] = json.loads(output.splitlines()[-1])
    return result


def compare(name: str, stored: str, dtypes: list[str], scratch: Path) -> Sheet:
    """Both kinds of file, each number type."""
    source, converted = scratch / "published", scratch / "converted"
    write_random(name, source, getattr(torch, stored))
    convert(name, source, converted)
    rows: list[dict[str, Value]] = []
    for label, folder in ((".pth", source), ("safetensors", converted)):
        for dtype in dtypes:
            got = in_child(name, folder, dtype)
            rows.append(
                {
                    "file": label,
                    "stored as": stored,
                    "loaded as": dtype,
                    "weights MiB": got["weights"],
                    "peak of load MiB": got["load"],
                    "ratio": got["load"] / got["weights"],
                    "after one query MiB": got["encode"],
                }
            )
    return Sheet(name, rows, {"ratio": ".2f"})


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=list(PUBLISHED), nargs="?", default="visualized-bge-base-en")
    parser.add_argument("--stored", choices=("float16", "float32"), default="float16", help="number type of the files")
    parser.add_argument("--dtypes", nargs="+", default=DTYPES, help="number types to load as")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--child-dtype", help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true", help="print as JSON")
    options = parser.parse_args()
    if options.child:
        print(json.dumps(measure(options.name, options.child, options.child_dtype)))
        return
    with tempfile.TemporaryDirectory() as scratch:
        sheet = compare(options.name, options.stored, options.dtypes, Path(scratch))
    Report([sheet]).show(as_json=options.json)


if __name__ == "__main__":
    main()

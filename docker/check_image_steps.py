"""`python docker/check_image_steps.py`: checks that the image works, without Docker.

Runs the steps of `docker/Dockerfile` in a folder that stands for the image's root: COPY from the build context, RUN
with nothing but the environment that the file sets, paths of the image turned into paths below the folder. Then it
makes a small demo shop, indexes it, starts what ENTRYPOINT and CMD say, asks the health check, asks the demo query, and
looks whether anything was written outside the folders that are writable in a container with a read-only root.
Takes some minutes, most of them for packages. Steps that only make users are left out: they need a system of their own.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer

from dockerfile import Dockerfile, Instruction, Stage, assignments, expand, parse

CONTEXT = Path(__file__).parents[1]
WRITABLE = ("data", "models", "tmp")
FOLDERS = ("opt/withthis", "src", *WRITABLE)
START_S = 120
_PATH = re.compile(rf"(?<![\w./])/({'|'.join(FOLDERS)})\b")


class Image:
    """A folder that becomes what the image would hold."""

    def __init__(self, root: Path, file: Dockerfile, build_args: dict[str, str]) -> None:
        """`build_args` replace the file's defaults, as `docker build --build-arg` does."""
        self.root, self._file, self._build_args = root, file, build_args
        self.env: dict[str, str] = {}
        self._directory = root
        for folder in FOLDERS:
            (root / folder).mkdir(parents=True)

    def build(self) -> Stage:
        """Run all stages, one over the other; the last one, whose environment is then `env`."""
        for stage in self._file.stages:
            print(f"FROM {stage.base} AS {stage.name}", flush=True)
            self.env = {"PATH": os.defpath, "HOME": str(self.root / "tmp"), "TMPDIR": str(self.root / "tmp")}
            # How packages are reached (mirrors, certificates) is this machine's affair.
            self.env.update({name: value for name, value in os.environ.items() if name.startswith("PIP_")})
            for instruction in stage.instructions:
                self._step(instruction)
        return self._file.stages[-1]

    def run(self, command: list[str]) -> None:
        """Run a command as it would run in a container."""
        subprocess.run(command, env=self.env, cwd=self._directory, check=True)

    def start(self, command: list[str], **env: str) -> subprocess.Popen[bytes]:
        """The same, in the background."""
        return subprocess.Popen(command, env={**self.env, **env}, cwd=self._directory)

    def inside(self, text: str) -> str:
        """Text of the file with the image's paths as they are here."""
        return _PATH.sub(lambda match: str(self.root / match[1]), text)

    def _step(self, instruction: Instruction) -> None:
        match instruction.name:
            case "ARG":
                chosen = {name: self._build_args.get(name, value) for name, value in assignments(instruction).items()}
                self.env.update(chosen)
            case "ENV":
                self.env.update({n: expand(self.inside(v), self.env) for n, v in assignments(instruction).items()})
            case "WORKDIR":
                self._directory = Path(self.inside(instruction.value))
            case "COPY":
                self._copy(instruction)
            case "RUN":
                self._run_step(instruction.value)

    def _copy(self, instruction: Instruction) -> None:
        if any(flag.startswith("--from=") for flag in instruction.flags):
            return  # all stages share the folder
        *sources, target = instruction.words
        place = Path(self.inside(target)) if target.startswith("/") else self._directory / target
        for source in sources:
            wanted = CONTEXT / source
            if wanted.is_dir():
                shutil.copytree(wanted, place, ignore=shutil.ignore_patterns("__pycache__", "*.py[cod]"))
            else:
                shutil.copy(wanted, place)

    def _run_step(self, command: str) -> None:
        if "useradd" in command:
            print(f"left out: RUN {command}", flush=True)
            return
        print(f"RUN {command}", flush=True)
        python = f'python() {{ "{Path(sys.base_prefix) / "bin" / "python3"}" "$@"; }}; set -euo pipefail; '
        self.run(["bash", "-c", python + self.inside(command)])


def files_of(root: Path) -> dict[Path, float]:
    """Files that must not change in a container with a read-only root, with the time of their last change."""
    fixed = (path for path in root.rglob("*") if path.relative_to(root).parts[0] not in WRITABLE)
    return {path: path.lstat().st_mtime for path in fixed if path.is_file()}


@contextmanager
def serving(image: Image, stage: Stage) -> Iterator[str]:
    """What the container would run, on a free port of this machine alone; its address, once it is ready."""
    entrypoint, command = stage.last("ENTRYPOINT"), stage.last("CMD")
    assert entrypoint is not None and command is not None
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = str(sock.getsockname()[1])
    env = {"WITHTHIS_HOST": "127.0.0.1", "WITHTHIS_PORT": port}
    process = image.start([*entrypoint.words, *command.words], **env)
    try:
        _wait(process, f"http://127.0.0.1:{port}/readyz")
        health = stage.last("HEALTHCHECK")
        assert health is not None
        words = Instruction("CMD", (), image.inside(health.value.removeprefix("CMD "))).words
        if image.start(words, **env).wait() != 0:
            raise SystemExit("the health check says that the service is not alive")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def _wait(process: subprocess.Popen[bytes], url: str) -> None:
    patience = time.monotonic() + START_S
    while time.monotonic() < patience and process.poll() is None:
        try:
            if httpx.get(url, timeout=10).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.5)
    raise SystemExit("the service did not become ready")


def ask(url: str) -> str:
    """The demo query: an image and a sentence. What the best product is."""
    photo = (CONTEXT / "starter/queries/leopard.webp").read_bytes()
    parts: dict[str, Any] = {
        "image": ("leopard.webp", photo),
        "query": (None, '{"text": "a phone case with this", "limit": 5}'),
    }
    answer = httpx.post(f"{url}/v1/search", files=parts, timeout=60)
    answer.raise_for_status()
    found = answer.json()
    if len(found["results"]) != 5 or not found["rerank"]["applied"]:
        raise SystemExit(f"the answer is not complete: {found}")
    return str(found["results"][0]["product"]["title"])


def check(root: Path, build_args: dict[str, str]) -> None:
    """Build, serve, ask, and compare. SystemExit, or CalledProcessError of a step, with what is wrong."""
    image = Image(root, parse((CONTEXT / "docker/Dockerfile").read_text(encoding="utf-8")), build_args)
    stage = image.build()
    shutil.rmtree(root / "src")  # the last stage does not have it
    before = files_of(root)
    shop = str(root / "data/shop")
    image.run(["python", "-m", "starter.catalogue", shop, "--products", "60"])
    image.run(["withthis", "index", f"{shop}/products.csv"])
    with serving(image, stage) as url:
        print(f"best answer: {ask(url)}")
    if changed := {path for path, time_ in files_of(root).items() if before.get(path) != time_}:
        raise SystemExit(f"these files were written, and a read-only root forbids it: {sorted(map(str, changed))}")
    print("the image's steps work")


def main(
    build_arg: Annotated[list[str] | None, typer.Option(help="NAME=VALUE, as docker build takes it.")] = None,
) -> None:
    """Check in a folder that is deleted afterwards."""
    pairs = (argument.partition("=") for argument in build_arg or ())
    with tempfile.TemporaryDirectory() as folder:
        check(Path(folder), {name: value for name, _, value in pairs})


if __name__ == "__main__":
    typer.run(main)

"""Runs shell blocks in bash, with a `withthis` that works in this process: it has the models already."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import chdir
from pathlib import Path
from typing import Any
from unittest.mock import patch

from typer.testing import CliRunner

from service.cli import app
from service.errors import WithThisError

TIMEOUT_S = 120
_PORT = "DOCS_PORT"
_PROXY = f"""#!{sys.executable} -SE
import json, os, socket, sys
with socket.create_connection(("127.0.0.1", int(os.environ["{_PORT}"]))) as asked:
    asked.sendall(json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode())
    asked.shutdown(socket.SHUT_WR)
    out, err, status = json.load(asked.makefile())
sys.stdout.write(out)
sys.stderr.write(err)
sys.exit(status)
"""


class Shell:
    """A folder and an environment that last from block to block."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        programs = folder / ".bin"
        programs.mkdir()
        proxy = programs / "withthis"
        proxy.write_text(_PROXY)
        proxy.chmod(0o755)
        (programs / ".curlrc").write_text("fail-with-body\n")
        self.folder = folder
        self._left = programs / "environment"
        self.environment = dict(environment) | {
            "PATH": f"{programs}{os.pathsep}{environment['PATH']}",
            "CURL_HOME": str(programs),
        }

    def run(self, text: str) -> str:
        """What a block prints. AssertionError with that, if any of its commands fails, or an answer is an error."""
        status, shown = self._run(text)
        assert status == 0, f"exit status {status}\n{shown}"
        entries = (entry.partition("=") for entry in self._left.read_text("utf-8").split("\0") if entry)
        self.environment = {name: value for name, _, value in entries}
        return shown

    def fail(self, text: str, words: str) -> None:
        """Run a block that must fail and print these words. AssertionError otherwise."""
        status, shown = self._run(text)
        assert status != 0, f"it does not fail\n{shown}"
        assert words in shown, f"it does not say {words!r}\n{shown}"

    def _run(self, text: str) -> tuple[int, str]:
        """Exit status and output; the environment at the end is in a file."""
        script = f"set -euo pipefail\n{text}\nenv -0 > '{self._left}'\n"
        printed = self._left.with_name("printed")
        with socket.create_server(("127.0.0.1", 0)) as listener, printed.open("wb") as output:
            self.environment[_PORT] = str(listener.getsockname()[1])
            process = subprocess.Popen(
                ["bash", "-c", script],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
            _answer_until_done(listener, process)
        return process.returncode, printed.read_text("utf-8", errors="replace")


def _answer_until_done(listener: socket.socket, process: subprocess.Popen[bytes]) -> None:
    """Answer the proxy. The commands come one by one, so this thread can do it."""
    listener.settimeout(0.02)
    deadline = time.monotonic() + TIMEOUT_S
    while process.poll() is None:
        if time.monotonic() > deadline:
            process.kill()
            raise AssertionError(f"not done after {TIMEOUT_S} seconds")
        try:
            connection, _ = listener.accept()
        except TimeoutError:
            continue
        with connection, connection.makefile("rw") as stream:
            json.dump(_withthis(*json.load(stream)), stream)


def _withthis(words: list[str], folder: str, environment: dict[str, str]) -> tuple[str, str, int]:
    """Output, messages and exit status of a command."""
    with chdir(folder), patch.dict(os.environ, environment, clear=True):
        result: Any = CliRunner().invoke(app, words)
    error = result.exception
    if error is None or isinstance(error, SystemExit):
        return result.stdout, result.stderr, result.exit_code
    told = f"{error.title}: {error.detail}" if isinstance(error, WithThisError) else repr(error)
    return result.stdout, f"{result.stderr}{told}\n", 1

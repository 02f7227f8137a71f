"""`make clients`: real clients of other services against a service with the bundled models, one at a time.

Names as arguments choose among them. It needs a package index, and npm's for the clients in JavaScript.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from tests.clients.checks import CHECKS, ClientCheck
from tests.clients.environments import command
from tests.clients.service_under_test import KEY, running_service

LIMIT_S = 300.0


def main(names: list[str]) -> int:
    """Run the clients named, or all; the number of those that failed."""
    failed = 0
    with running_service() as url:
        for check in CHECKS:
            if names and check.name not in names:
                continue
            started = time.monotonic()
            fault = run(check, url)
            seconds = time.monotonic() - started
            remark = f"  (out of scope: {check.remark})" if check.remark else ""
            word = "passed" if fault is None else "FAILED"
            print(f"{word}  {check.language:6}  {' '.join(check.packages)}  {seconds:.0f} s{remark}", flush=True)
            if fault is not None:
                failed += 1
                print(fault, flush=True)
    return failed


def run(check: ClientCheck, url: str) -> str | None:
    """What went wrong, or None."""
    if check.language == "node" and shutil.which("npm") is None:
        return "npm is not installed"
    environment = {**os.environ, "WITHTHIS_CLIENTS_URL": url, "WITHTHIS_CLIENTS_KEY": KEY}
    environment.pop("PYTHONPATH", None)  # nothing of the service
    try:
        words = command(check)
        folder = Path(words[-1]).parent
        found = subprocess.run(
            words, env=environment, cwd=folder, capture_output=True, text=True, timeout=LIMIT_S, check=False
        )
    except subprocess.CalledProcessError as error:
        return f"its packages cannot be installed: {error.stderr[-2000:]}"
    except subprocess.TimeoutExpired:
        return f"it did not end within {LIMIT_S:.0f} s"
    return None if found.returncode == 0 else (found.stdout + found.stderr)[-3000:]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

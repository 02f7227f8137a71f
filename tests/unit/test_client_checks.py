"""What `make clients` runs: every script is registered, and every package is pinned."""

from __future__ import annotations

import re

from tests.clients.checks import CHECKS
from tests.clients.environments import ROOT

SHARED = {"common.py", "common.mjs"}


def test_every_script_is_run_and_every_registered_one_is_there() -> None:
    scripts = {path.name for pattern in ("python/*.py", "node/*.mjs") for path in ROOT.glob(pattern)}
    assert scripts - SHARED == {check.script for check in CHECKS}


def test_packages_are_pinned() -> None:
    loose = [package for check in CHECKS for package in check.packages if not re.search(r"[^@]@\d|==\d|<\d", package)]
    assert loose == []

"""What needs no model imports no library of models: the list of commands, and the settings."""

from __future__ import annotations

import subprocess
import sys

import pytest
import typer.main

from service.cli import app
from service.cli.commands import COMMANDS

HEAVY = ("torch", "transformers", "pymilvus", "numpy")
LOOK = f"""import sys
from service.cli import main
sys.argv = ["withthis", "--help"]
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
import service.settings
service.settings.load_settings()
print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)
"""


def test_the_list_of_commands_and_the_settings_import_no_library_of_models() -> None:
    done = subprocess.run([sys.executable, "-c", LOOK], capture_output=True, text=True, check=True)
    assert all(name in done.stdout for name in COMMANDS)
    assert done.stderr.splitlines()[-1] == "[]"


def test_no_command_imports_a_library_of_models_before_it_needs_one() -> None:
    """A supervisor of workers and a client for agents never do, nor what works on the store alone."""
    modules = sorted({place.module for place in COMMANDS.values()} - {"tune"})  # which fits a model
    look = f"""import sys
from importlib import import_module
for module in {modules}:
    import_module(f"service.cli.{{module}}")
print([name for name in ("torch", "transformers", "pymilvus") if name in sys.modules])"""
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_says_of_a_command_what_the_command_says(name: str) -> None:
    group = typer.main.get_command(app)
    command = group.commands[name]  # type: ignore[attr-defined]
    assert command.name == name
    assert COMMANDS[name].help == command.help.split("\n\n")[0].replace("\n", " ")

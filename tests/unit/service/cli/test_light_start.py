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


@pytest.mark.parametrize("module", ["serve", "mcp"])
def test_a_supervisor_of_workers_and_a_client_for_agents_hold_no_models(module: str) -> None:
    look = f"import sys, service.cli.{module}; print([name for name in ('torch', 'pymilvus') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_says_of_a_command_what_the_command_says(name: str) -> None:
    group = typer.main.get_command(app)
    command = group.commands[name]  # type: ignore[attr-defined]
    assert command.name == name
    assert COMMANDS[name].help == command.help.split("\n\n")[0].replace("\n", " ")

"""Commands that are imported when they run: `withthis --help` needs none of the libraries of models and stores."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

import typer.main
from typer.core import TyperCommand, TyperGroup

from service.cli.commands import COMMANDS


class DeferredCommands(Mapping[str, Any]):
    """Every command by its name, imported when it is looked up."""

    def __getitem__(self, name: str) -> Any:
        place = COMMANDS[name]
        found = getattr(import_module(f"service.cli.{place.module}"), place.function or name)
        if not isinstance(found, typer.Typer):
            function, found = found, typer.Typer(add_completion=False)
            found.command(name)(function)
        return typer.main.get_command(found)

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


class DeferredGroup(TyperGroup):
    """The group of all commands. Its own help is made of `COMMANDS` alone."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.commands = DeferredCommands()  # type: ignore[assignment]

    def list_commands(self, ctx: Any) -> list[str]:
        """Their names; typer's own goes through the commands."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """What stands for the command in a list."""
        return TyperCommand(cmd_name, help=COMMANDS[cmd_name].help) if cmd_name in COMMANDS else None

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """The command itself, to be run."""
        name, stand_in, rest = super().resolve_command(ctx, args)
        return name, stand_in if name is None else self.commands[name], rest

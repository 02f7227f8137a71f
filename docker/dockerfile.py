"""Just enough of the Dockerfile format to check a file's rules and to run its steps outside a container.

Source: the Dockerfile reference of docs.docker.com (comments, continued lines, flags, ARG before FROM, JSON form).
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

_FLAG = re.compile(r"--[a-z-]+(=\S+)?\s+")
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")


@dataclass(frozen=True)
class Instruction:
    """One instruction: its name in upper case, its flags, and the rest with line breaks removed."""

    name: str
    flags: tuple[str, ...]
    value: str

    @property
    def words(self) -> list[str]:
        """The words of the value: of its JSON form, or as a shell would split it."""
        return [str(word) for word in json.loads(self.value)] if self.value.startswith("[") else shlex.split(self.value)


@dataclass(frozen=True)
class Stage:
    """What follows one FROM."""

    base: str
    name: str
    instructions: list[Instruction] = field(default_factory=list)

    def last(self, name: str) -> Instruction | None:
        """The last instruction of this name: the one that counts."""
        found = [instruction for instruction in self.instructions if instruction.name == name]
        return found[-1] if found else None


@dataclass(frozen=True)
class Dockerfile:
    """Arguments that stand before the first FROM, and the stages."""

    arguments: dict[str, str]
    stages: list[Stage]


def parse(text: str) -> Dockerfile:
    """Read a Dockerfile. ValueError where a stage is missing."""
    file = Dockerfile({}, [])
    for instruction in _instructions(text):
        if instruction.name == "FROM":
            base, _, name = instruction.value.partition(" AS ")
            file.stages.append(Stage(expand(base, file.arguments), name.strip()))
        elif file.stages:
            file.stages[-1].instructions.append(instruction)
        else:
            file.arguments.update(assignments(instruction))
    if not file.stages:
        raise ValueError("a Dockerfile needs a FROM")
    return file


def assignments(instruction: Instruction) -> dict[str, str]:
    """Names and values of an ARG or ENV; an ARG without a value is empty."""
    return {name: value for name, _, value in (word.partition("=") for word in instruction.words)}


def expand(text: str, variables: Mapping[str, str]) -> str:
    """Put in the values of `$NAME` and `${NAME}`; names that are not known stay as they are."""
    return _VARIABLE.sub(lambda match: variables.get(match[1] or match[2], match[0]), text)


def _instructions(text: str) -> Iterator[Instruction]:
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    for line in re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines():
        name, _, value = line.strip().partition(" ")
        flags = []
        while match := _FLAG.match(value):
            flags.append(match[0].strip())
            value = value[match.end() :]
        yield Instruction(name.upper(), tuple(flags), value.strip())

"""YAML values with their line numbers."""

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from service.lab.lab_errors import ExperimentError

Location = tuple[Hashable, ...]
"""The names and numbers that lead to a value: `("configurations", 2, "k")`."""


@dataclass(frozen=True, slots=True)
class YamlFile:
    """What a file says, and the line of each of its values."""

    path: Path
    value: Any
    lines: Mapping[Location, int]

    def error(self, location: Location, problem: str) -> ExperimentError:
        """The error that names file, line and value; `problem` is a sentence without its full stop."""
        known = next(location[:depth] for depth in range(len(location), -1, -1) if location[:depth] in self.lines)
        name = spelled(location)
        return ExperimentError(f"{self.path}, line {self.lines[known]}{f', {name}' if name else ''}: {problem}.")


def read_yaml(path: Path) -> YamlFile:
    """Read a file. Raises ExperimentError if it cannot be read, is no YAML, or says something twice."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ExperimentError(f"{path} cannot be read. Give the path of a YAML file in UTF-8.") from error
    try:
        tree = yaml.compose(text, yaml.SafeLoader)
        value = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: a date that does not exist
        mark = getattr(error, "problem_mark", None)
        place = f", line {mark.line + 1}" if mark else ""
        raise ExperimentError(f"{path}{place}: this is not YAML. Check indentation, colons and quotes.") from error
    lines: dict[Location, int] = {(): 1}
    for location, line in _places(tree, ()) if tree is not None else ():
        if location in lines:
            raise ExperimentError(
                f"{path}, line {line}, {spelled(location)}: this is defined twice, see {lines[location]}."
            )
        lines[location] = line
    return YamlFile(path, value, lines)


def spelled(location: Location) -> str:
    """A location as people write it: `configurations[2].k`."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return "".join(parts).removeprefix(".")


def _places(node: yaml.Node, location: Location) -> Iterator[tuple[Location, int]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inner = (*location, key.value)
            yield inner, key.start_mark.line + 1
            yield from _places(value, inner)
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            inner = (*location, number)
            yield inner, value.start_mark.line + 1
            yield from _places(value, inner)

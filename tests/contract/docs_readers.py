"""Reads what a page shows with the code that would read it: command lines, settings, experiments, prompts, answers."""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from itertools import dropwhile
from pathlib import Path
from typing import Any, get_args
from unittest.mock import patch

import typer.main
from pydantic import BaseModel

from rerank.prompts import PromptLibrary
from service.catalog.readers import parse_columns
from service.cli import app
from service.cli.setups import SettingsOverlay
from service.lab.experiment import read_experiment
from service.search.rules.book import read_rules
from service.settings import CONFIG_VARIABLE, Settings, load_settings
from service.wire.compatible import DocumentsOut, EmbeddingsOut
from service.wire.products import ProductPageOut, PutOut, StoredProductOut
from service.wire.search import SearchOut

ANSWERS: Mapping[str, type[BaseModel]] = {
    model.__name__: model
    for model in (SearchOut, DocumentsOut, EmbeddingsOut, PutOut, ProductPageOut, StoredProductOut)
}
_SETTING = re.compile(r"(WITHTHIS_[A-Z_]+)=(.*)", re.DOTALL)
_GLUE = frozenset("|&;()<>\n")


def commands(text: str) -> Iterator[list[str]]:
    """The command lines of a shell block, as words."""
    words: list[str] = []
    for token in [*_tokens(text), "\n"]:
        if set(token) <= _GLUE:
            if words:
                yield words
            words = []
        else:
            words.append(token)


def _tokens(text: str) -> Iterator[str]:
    lexer = shlex.shlex(text.replace("\\\n", " "), posix=True, punctuation_chars="|&;()<>\n")
    lexer.whitespace, lexer.whitespace_split, lexer.commenters = " \t\r", True, ""
    comment = False
    for token in lexer:
        comment = not token.startswith("\n") and (comment or token.startswith("#"))
        if not comment:
            yield token


def check_shell(text: str) -> None:
    """Check the `withthis` of a block that cannot run, and the settings that it makes. Raises UsageError."""
    settings: dict[str, str] = {}
    for line in commands(text):
        words = list(dropwhile(_is_assignment, line))
        for found in filter(None, map(_SETTING.fullmatch, line[: len(line) - len(words)])):
            settings[found[1]] = re.sub(r"\$\w+", "placeholder", found[2])
        if words[:1] == ["withthis"]:
            check_words(words[1:])
    read_settings(settings)


def _is_assignment(word: str) -> bool:
    return word == "export" or re.match(r"[A-Za-z_]\w*=", word) is not None


def check_words(words: list[str]) -> None:
    """Parse a command line without running it. Raises UsageError."""
    command: Any = typer.main.get_command(app)
    context = command.make_context("withthis", list(words))
    while hasattr(command, "commands"):
        name, command, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        context = command.make_context(name, rest, parent=context)


def check_options(code: str) -> None:
    """Check that the options that a text names exist. AssertionError names the one that does not."""
    command: Any = typer.main.get_command(app)
    words = code.split()[1:]
    while words and hasattr(command, "commands") and not words[0].startswith("--"):
        assert words[0] in command.commands, f"there is no command {words[0]!r}"
        command = command.commands[words.pop(0)]
    known = {"--help"}.union(*([*option.opts, *option.secondary_opts] for option in command.params))
    for word in words:
        assert not word.startswith("--") or word.partition("=")[0] in known, f"{code}: there is no option {word}"


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Settings from these variables alone. Raises ConfigurationError."""
    others = {name: value for name, value in os.environ.items() if not name.startswith("WITHTHIS_")}
    with patch.dict(os.environ, {**others, **environment}, clear=True):
        return load_settings(_env_file=None)


def check_file(path: Path) -> None:
    """Read a file that a page shows. Raises what its reader raises."""
    match path.suffix:
        case ".toml" if path.name == "mapping.toml":
            parse_columns(mapping=path)
        case ".toml":
            read_settings({CONFIG_VARIABLE: str(path)})
        case ".yaml" if path.parent.name == "prompts":
            PromptLibrary.load(path.parent)
        case ".yaml" if path.stem == "rules":
            read_rules(path)
        case ".yaml":
            read_experiment(path, SettingsOverlay(read_settings({})))
        case ".json":
            json.loads(path.read_text("utf-8"))
        case ".jsonl":
            for line in path.read_text("utf-8").splitlines():
                json.loads(line)


def check_answer(name: str, text: str) -> None:
    """Check that an answer, which may be shortened, has no field that the service does not send."""
    _check_fields(ANSWERS[name], json.loads(text), name)


def _check_fields(model: type[BaseModel], value: Mapping[str, Any], place: str) -> None:
    for name, inner in value.items():
        assert name in model.model_fields, f"{place} has no field {name}"
        for kind in _models(model.model_fields[name].annotation):
            for one in inner if isinstance(inner, list) else [inner]:
                if isinstance(one, dict) and not _is_mapping(model.model_fields[name].annotation):
                    _check_fields(kind, one, f"{place}.{name}")


def _models(annotation: Any) -> Iterable[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for inner in get_args(annotation) for model in _models(inner)]


def _is_mapping(annotation: Any) -> bool:
    return str(annotation).startswith("dict[")

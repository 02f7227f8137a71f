"""Write docs/reference.md from the code: settings, routes, metrics, commands and make targets."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import typer.main

from service.app import create_app
from service.cli import app
from service.server.observability.metrics import Metrics
from service.server.observability.watched import GAUGES
from service.settings import Settings, setting_places

PAGE = Path(__file__).parent / "reference.md"
_ROOT = PAGE.parents[1]
_HEAD = """\
# Reference

Written from the code by `make reference`; a test compares it with the code.
"""
_SETTINGS = """\
From the environment, a `.env` file, or a TOML file named by `WITHTHIS_CONFIG`: see [operation](operate.md#settings).
"""
_ROUTES = """\
The [API guide](api.md) shows them in use; `/schema` (also `/schema/openapi.json`) is the OpenAPI 3.1 document with
every field. The search page is at `/` and, for each catalog, at `/catalogs/{catalog}`; its files are below `/static`
and the images of its examples below `/examples`.
Every error is an RFC 9457 problem document (`application/problem+json`); the [FAQ](faq.md#errors) lists them all.
"""
_METRICS = """\
At `/metrics`, for Prometheus. Label values are few and known beforehand: no ids, no paths, no input.
"""
_COMMANDS = """\
They are in `.venv/bin` after `make install`. A Milvus Lite file belongs to one process at a time: while `serve` runs,
search and index with `--url`, or use a Milvus server.
"""


def reference() -> str:
    """The whole page."""
    parts = (
        _section("Settings", _SETTINGS, _settings()),
        _section("Routes", _ROUTES, _routes()),
        _section("Metrics", _METRICS, _metrics()),
        _section("Commands", _COMMANDS, _commands()),
        _section("Make targets", "", _targets()),
    )
    return "\n".join((_HEAD, *parts))


def _section(title: str, words: str, body: str) -> str:
    return "\n".join(filter(None, (f"## {title}\n", words, body)))


def _table(*rows: Iterable[str]) -> str:
    """A Markdown table; the first row is its head."""
    lines = [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in map(tuple, rows)]
    return "\n".join((lines[0], "|---" * len(tuple(rows[0])) + "|", *lines[1:])) + "\n"


def _settings() -> str:
    rows = (
        (
            f"`WITHTHIS_{name.upper()}`",
            f"`{group}.{field}`" if group else f"`{field}`",
            _shown(info.get_default(call_default_factory=True)),
            info.description or "",
        )
        for name, (group, field, info) in setting_places().items()
    )
    return _table(("variable", "in TOML", "default", "meaning"), *rows)


def _shown(value: object) -> str:
    """A default as a table shows it."""
    if value in (None, ""):
        return "none"
    return f"`{json.dumps(value) if isinstance(value, dict | bool) else value}`"


def _routes() -> str:
    """A row for each operation; addresses that do the same share one, `/v1/…` first."""
    document = create_app(Settings(_env_file=None)).openapi_schema.to_schema()
    operations: dict[tuple[str, str], list[str]] = {}
    for path in sorted(document["paths"], key=_rank):
        for method, operation in document["paths"][path].items():
            what = _sentences(operation["summary"], operation.get("description", ""))
            operations.setdefault((method.upper(), what), []).append(path)
    rows = (
        (", ".join((f"`{method} {first}`", *map(_code, more))), what)
        for (method, what), (first, *more) in operations.items()
    )
    return _table(("route", "what"), *rows)


def _rank(path: str) -> tuple[bool, bool, str]:
    """The order of addresses; that of a default catalog stands for those by name."""
    return not path.startswith("/v1/"), path.startswith("/v1/catalogs/{"), path


def _code(text: str) -> str:
    return f"`{text}`"


def _sentences(*texts: str) -> str:
    found = (" ".join(text.split()) for text in texts if text)
    return " ".join(text if text.endswith((".", "?")) else f"{text}." for text in found)


def _metrics() -> str:
    metrics = Metrics()
    metrics.answered("/", "GET", 200, 0.0, catalog="")
    metrics.looked_up("caption", hit=True)
    metrics.search_logged("default", "written", 0)
    counted = ((found.name, found.type, _labels(found), found.documentation) for found in metrics.registry.collect())
    watched = ((gauge.name, "gauge", f"`{gauge.label}`", gauge.help) for gauge in GAUGES)
    rows = ((f"`{name + ('_total' if kind == 'counter' else '')}`", kind, *rest) for name, kind, *rest in counted)
    return _table(("metric", "type", "labels", "what"), *rows, *((f"`{name}`", *rest) for name, *rest in watched))


def _labels(family: Any) -> str:
    names = dict.fromkeys(name for sample in family.samples for name in sample.labels if name != "le")
    return ", ".join(map(_code, names))


def _commands() -> str:
    return "\n".join(_command(name, command) for name, command in _leaves(typer.main.get_command(app), "withthis"))


def _leaves(group: Any, path: str) -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _leaves(command, f"{path} {name}")
        else:
            yield f"{path} {name}", command


def _command(name: str, command: Any) -> str:
    arguments = [each for each in command.params if each.param_type_name == "argument"]
    usage = " ".join((name, *(_argument(each) for each in arguments)))
    rows = (
        (_spelling(each), _shown(each.default) if each.default not in (False, [], ()) else "", each.help or "")
        for each in command.params
    )
    return f"### `{usage}`\n\n{command.help}\n\n" + _table(("option", "default", "what"), *rows)


def _argument(argument: Any) -> str:
    name = argument.name.upper() + ("…" if argument.nargs == -1 else "")
    return name if argument.required else f"[{name}]"


def _spelling(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return f"`{parameter.name.upper()}`"
    return ", ".join(map(_code, (*parameter.opts, *parameter.secondary_opts)))


def _targets() -> str:
    makefile = (_ROOT / "Makefile").read_text("utf-8")
    found = re.findall(r"^([a-z-]+):.*?## (.*)$", makefile, re.MULTILINE)
    return _table(("target", "what"), *((f"`make {name}`", what) for name, what in found))


if __name__ == "__main__":
    PAGE.write_text(reference(), "utf-8")

"""`withthis models list` and `withthis models convert SOURCE TARGET`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from service.build import ENCODERS
from service.cli.console import err, out, plain, start
from service.encoders.registry import EncoderEntry
from service.errors import InvalidInput

PICKLED_FILES = (".pth", ".pt")
FLAX_FILE = ".pkl"
MAGICLENS = "magiclens"

Source = Annotated[
    str,
    typer.Argument(
        help="A Visualized_….pth or magic_lens_….pkl file; or, for the CLIP family, a folder or a name on the hub."
    ),
]
Target = Annotated[Path, typer.Argument(help="Folder for the safetensors and the accompanying files.")]
TextModel = Annotated[
    str | None,
    typer.Option(
        help="Text model of a Visualized BGE, tokenizer of a MagicLens: a folder or hub name. Default: its own."
    ),
]
For = Annotated[
    str | None,
    typer.Option("--encoder", help="Encoder that SOURCE belongs to. Default: derived from the file name."),
]
Revision = Annotated[str | None, typer.Option(help="Commit, tag or branch on the hub.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print as JSON.")]

models = typer.Typer(name="models", help="The available encoders, and their weights.", no_args_is_help=True)


@models.command("list")
def list_models(as_json: AsJson = False) -> None:
    """Show every encoder with its weights, license, results and settings."""
    if as_json:
        out.print_json(json.dumps([_facts(entry) for entry in ENCODERS.values()]))
        return
    chosen = start().encoder.name
    for entry in ENCODERS.values():
        out.print(_card(entry, entry.name == chosen))


@models.command("convert")
def convert_model(
    source: Source,
    target: Target,
    *,
    text_model: TextModel = None,
    encoder: For = None,
    revision: Revision = None,
) -> None:
    """Convert pickled weights to safetensors, once; set WITHTHIS_ENCODER_PATH to the printed path."""
    start()
    if target.exists():
        raise InvalidInput("The target already exists. Choose a new folder, so that nothing is overwritten.")
    with err.status("converting"):
        _convert(source, target, text_model, encoder, revision)
    out.print(plain(str(target)), soft_wrap=True)


def _convert(source: str, target: Path, text_model: str | None, encoder: str | None, revision: str | None) -> None:
    # Imported here: torch and transformers are not needed for the other commands.
    from service.encoders.clip_family.conversion import convert as convert_clip  # noqa: PLC0415
    from service.encoders.magiclens.conversion import convert as convert_magiclens  # noqa: PLC0415
    from service.encoders.visualized_bge.config import PUBLISHED  # noqa: PLC0415
    from service.encoders.visualized_bge.conversion import convert as convert_visualized  # noqa: PLC0415

    name = encoder or next((model.id for model in PUBLISHED.values() if model.file == Path(source).name), None)
    if name == MAGICLENS or source.endswith(FLAX_FILE):
        convert_magiclens(source, target, tokenizer=text_model)
    elif name is not None:
        convert_visualized(name, source, target, text_model=text_model, revision=revision)
    elif source.endswith(PICKLED_FILES):
        raise InvalidInput(f"Say which encoder {source} belongs to: --encoder {' or '.join(PUBLISHED)}.")
    else:
        convert_clip(source, target, revision)


def _facts(entry: EncoderEntry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "summary": entry.summary,
        "dimension": entry.dimension,
        "max_text_tokens": entry.max_text_tokens,
        "weights": entry.source,
        "licence": entry.license,
        "results": entry.results,
        "settings": {"WITHTHIS_ENCODER": entry.name} | {f"WITHTHIS_{name}": None for name in entry.settings},
    }


def _gives(entry: EncoderEntry) -> str:
    if entry.dimension is None:
        return "dimensions and length of texts of the model"
    return f"{entry.dimension} dimensions; reads {entry.max_text_tokens} tokens"


def _card(entry: EncoderEntry, chosen: bool) -> Table:
    """One encoder as a small table; the one that the settings choose is marked."""
    mark = "  [green]chosen[/]" if chosen else ""
    table = Table(
        title=f"[bold]{plain(entry.name)}[/]{mark}", title_justify="left", title_style="", show_header=False, box=None
    )
    facts = _facts(entry)
    shown = {
        "is": facts["summary"],
        "gives": _gives(entry),
        "weights": f"{entry.source} ({entry.license})",
        "results": entry.results,
        "set": ", ".join(name if value is None else f"{name}={value}" for name, value in facts["settings"].items()),
    }
    for name, value in shown.items():
        table.add_row(f"[dim]{name}[/]", plain(value))
    return table

"""Loads, checks and fills the prompt templates in `prompts/`.

Templates use `{name}` for a placeholder and leave every other brace alone, so that JSON can be written literally.
They are filled in one pass: a value that itself contains `{caption}` stays text.
"""

import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from rerank.errors import PromptError

__all__ = ["Prompt", "PromptLibrary", "Task"]

Task = Literal["caption", "rank", "match", "relevance", "grade"]
Placeholder = Literal["instruction", "caption", "candidates", "labels", "title", "description", "scale", "guidelines"]

_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")

_CONTRACTS: dict[Task, tuple[set[str], set[str], set[str]]] = {
    "caption": ({"image"}, {"caption"}, set()),
    "rank": ({"panel", "images"}, {"json-ranking"}, {"instruction"}),
    "match": ({"panel", "images"}, {"match-letter"}, {"instruction"}),
    "relevance": ({"images"}, {"relevance"}, set()),
    "grade": ({"panel", "images"}, {"json-grade"}, {"instruction", "scale"}),
}
"""Task → the layouts it can have, the outputs it can have, the placeholders it cannot do without."""


class Prompt(BaseModel):
    """One template; `facts` stand behind the titles of products. Invalid unless the declared placeholders are exactly
    those used and the parts fit the task.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    version: int = Field(ge=1)
    task: Task
    layout: Literal["image", "panel", "images"]
    purpose: str = Field(min_length=1)
    placeholders: tuple[Placeholder, ...]
    facts: tuple[str, ...] = ()
    output: Literal["caption", "json-ranking", "match-letter", "relevance", "json-grade"]
    max_new_tokens: int = Field(ge=1, le=4096)
    template: str

    @model_validator(mode="after")
    def _placeholders_are_declared(self) -> Self:
        used, declared = set(_PLACEHOLDER.findall(self.template)), set(self.placeholders)
        if used != declared:
            raise ValueError(f"placeholders: declared {sorted(declared)}, but the template uses {sorted(used)}")
        return self

    @model_validator(mode="after")
    def _parts_fit_the_task(self) -> Self:
        layouts, outputs, required = _CONTRACTS[self.task]
        if self.layout not in layouts:
            raise ValueError(f"layout: a {self.task} prompt takes {' or '.join(sorted(layouts))}, not {self.layout}")
        if self.output not in outputs:
            raise ValueError(f"output: a {self.task} prompt gives {' or '.join(sorted(outputs))}, not {self.output}")
        if not required <= set(self.placeholders):
            raise ValueError(f"placeholders: a {self.task} prompt needs {sorted(required)}")
        if self.task == "relevance" and self.placeholders:
            raise ValueError("placeholders: a relevance prompt has none; the reranker is given query and products")
        return self

    @property
    def key(self) -> str:
        """The name that answers and caches carry: "id@version"."""
        return f"{self.id}@{self.version}"

    def render(self, **values: str) -> str:
        """The template with its placeholders filled; values it does not use are ignored. PromptError if one lacks."""
        missing = sorted(set(self.placeholders) - values.keys())
        if missing:
            raise PromptError(f"{self.key}: no value for {', '.join(missing)}")
        return _PLACEHOLDER.sub(lambda match: values[match[1]], self.template)


class PromptLibrary:
    """Prompts by id and version."""

    def __init__(self, prompts: dict[str, Prompt]) -> None:
        self._prompts = prompts

    @classmethod
    def load(cls, folder: Path | None = None) -> Self:
        """Every `*.yaml` of a folder, or of the `prompts` package. PromptError names the file and field at fault."""
        return cls(_bundled() if folder is None else _read_all(folder))

    def __iter__(self) -> Iterator[Prompt]:
        return iter(self._prompts.values())

    def get(self, name: str) -> Prompt:
        """The prompt "id@version", or the highest version of "id". PromptError if there is none."""
        named = (prompt for prompt in self if name in (prompt.id, prompt.key))
        best = max(named, key=lambda prompt: prompt.version, default=None)
        if best is None:
            raise PromptError(f"there is no prompt {name[:64]!r}; known are {', '.join(sorted(self._prompts))}")
        return best


@cache
def _bundled() -> dict[str, Prompt]:
    """The templates of the `prompts` package, which do not change while the process runs."""
    return _read_all(files("prompts"))


def _read_all(folder: Path | Traversable) -> dict[str, Prompt]:
    prompts: dict[str, Prompt] = {}
    for file in _templates(folder):
        prompt = _read(file)
        if prompt.key in prompts:
            raise PromptError(f"{file.name}: id, version: {prompt.key} is already defined by another file")
        prompts[prompt.key] = prompt
    return prompts


def _templates(folder: Path | Traversable) -> list[Traversable]:
    try:
        return sorted((file for file in folder.iterdir() if file.name.endswith(".yaml")), key=lambda file: file.name)
    except OSError as error:
        raise PromptError(f"the prompt folder {folder} cannot be read: {error.strerror}") from error


def _read(file: Traversable) -> Prompt:
    try:
        return Prompt.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise PromptError(f"{file.name}: not YAML: {error}") from error
    except ValidationError as error:
        raise PromptError(f"{file.name}: {_faults(error)}") from error


def _faults(error: ValidationError) -> str:
    """Each fault as "field: what is wrong"; the checks of the whole prompt name their field themselves."""
    faults = ((".".join(map(str, fault["loc"])), fault["msg"]) for fault in error.errors())
    return "; ".join(f"{field}: {text}" if field else text.removeprefix("Value error, ") for field, text in faults)

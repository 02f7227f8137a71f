"""An experiment as one YAML file: a data set, and the configurations that are compared on it."""

import difflib
import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from service.lab.configuration import Configuration, Fault, Price
from service.lab.datasets import KINDS
from service.lab.judging.scale import SCALE, Point
from service.lab.judging.spec import MAX_GUIDELINES, JudgingSpec
from service.lab.lab_errors import ExperimentError, LabError
from service.lab.measures import less_is_better, parse
from service.lab.setup import Overlay, Setup, UnusableSetting
from service.lab.yaml_file import Location, YamlFile, read_yaml, spelled
from service.support.first_fault import first_fault

MAX_K = 1000
MOST_COMBINATIONS = 256
Name = Annotated[str, Field(min_length=1, max_length=100)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DataSpec(BaseModel):
    """Where the queries and judgments come from. Further names are options of the reader, such as `split`."""

    model_config = ConfigDict(extra="allow", frozen=True)

    kind: Literal["demo", *KINDS]  # type: ignore[valid-type]
    """What `service.lab.datasets` reads, or the demo shop."""
    path: Path | None = None
    """The folder as it was downloaded; a relative path counts from the experiment's file."""
    judgments: Path | None = None
    """TREC qrels in place of the data set's own judgments, such as those of `withthis judge`; or a relative path."""

    unreadable: Literal["refuse", "leave_out"] = "refuse"
    """What becomes of documents and queries whose image cannot be used."""

    @property
    def options(self) -> dict[str, Any]:
        """For the reader."""
        return dict(self.model_extra or {})


class PriceSpec(_Strict):
    """What a hosted model costs for a million tokens."""

    prompt: float = Field(0.0, ge=0, allow_inf_nan=False)
    generated: float = Field(0.0, ge=0, allow_inf_nan=False)


class PositionBiasSpec(_Strict):
    """How position bias is measured: in how many orders the same candidates are shown, and for how many queries."""

    orders: int = Field(4, ge=2, le=24)
    queries: int | None = Field(50, ge=1)
    """Drawn by seed among those of the experiment; None: all of them."""


class _ConfigurationSpec(BaseModel):
    """The lab's own fields of a configuration; all other names are settings."""

    model_config = ConfigDict(extra="allow", frozen=True)

    name: Name
    k: int | None = Field(None, ge=1, le=MAX_K)
    filter: bool | None = None
    price: PriceSpec | None = None


class _ExperimentSpec(_Strict):
    name: Name
    data: DataSpec
    queries: int | None = Field(None, ge=1)
    seed: int = Field(7, ge=0, lt=2**32)
    measures: list[Name] | None = Field(None, min_length=1)
    k: int | None = Field(None, ge=1, le=MAX_K)
    filter: bool = True
    price: PriceSpec | None = None
    position_bias: PositionBiasSpec | None = None
    composition: bool = True
    judging: JudgingSpec = Field(default_factory=JudgingSpec)
    settings: dict[str, Any] = Field(default_factory=dict)
    configurations: list[_ConfigurationSpec] = Field(min_length=1)
    sweep: dict[str, list[Any]] = Field(default_factory=dict)


def _unplaced(location: Location, problem: str) -> ExperimentError:
    return ExperimentError(f"{spelled(location)}: {problem}.")


@dataclass(frozen=True)
class Judging:
    """How results are judged; see `JudgingSpec`."""

    scale: tuple[Point, ...] = SCALE
    guidelines: str = ""
    judges: tuple[str, ...] = ()
    overlap: float = 1.0
    model: Configuration | None = None
    """What runs the model that judges; None: none is named."""
    prompt: str | None = None
    reasons: bool = True
    timeout_s: float = 120.0


def _unvaried(settings: Mapping[str, Any]) -> Configuration:
    raise ExperimentError("Only the configurations of a file can be varied.")


@dataclass(frozen=True)
class Experiment:
    """A checked experiment. The first configuration is the one that all others are compared with."""

    name: str
    data: DataSpec
    configurations: tuple[Configuration, ...]
    seed: int = 7
    queries: int | None = None
    """How many queries are drawn, by seed; None: all."""
    measures: tuple[str, ...] | None = None
    """None: those of the data set's protocol."""
    position_bias: PositionBiasSpec | None = None
    """None: not measured."""
    composition: bool = True
    """Whether composed queries are also asked by their text and by their image alone."""
    judging: Judging = field(default_factory=Judging)
    grid: tuple[Configuration, ...] = ()
    """The first configuration with every combination of the values that `sweep` lists."""
    varied: Callable[[Mapping[str, Any]], Configuration] = field(default=_unvaried, compare=False, repr=False)
    """The first configuration with other values of some settings. Raises ExperimentError."""
    fault: Callable[[Location, str], ExperimentError] = field(default=_unplaced, compare=False, repr=False)
    """The error for a problem at a place in the file."""


def read_experiment(path: Path, base: Overlay) -> Experiment:
    """Read and check an experiment; `base` are the settings that its own override.

    Raises ExperimentError that names file, line and value.
    """
    file = read_yaml(path)
    try:
        spec = _ExperimentSpec.model_validate(file.value)
    except ValidationError as error:
        raise _first_fault(file, error) from error
    names = [one.name for one in spec.configurations]
    for number, name in enumerate(names):
        if name in names[:number]:
            raise file.error(("configurations", number, "name"), f"there is another configuration {name!r}")
    for number, measure in enumerate(spec.measures or ()):
        try:
            parse(measure)
        except LabError as error:
            raise file.error(("measures", number), error.detail.rstrip(".")) from error
    if spec.measures and less_is_better(spec.measures[0]):
        raise file.error(
            ("measures", 0), f"the first measure decides; name one of which more is better before {spec.measures[0]}"
        )
    if spec.data.path is None and spec.data.kind != "demo":
        raise file.error(("data",), "path is missing: the folder with the data set as it was downloaded")
    return Experiment(
        name=spec.name,
        data=_placed(spec.data, path.parent),
        configurations=tuple(_configuration(file, spec, number, base) for number in range(len(names))),
        grid=_grid(file, spec, base),
        seed=spec.seed,
        queries=spec.queries,
        measures=tuple(spec.measures) if spec.measures else None,
        position_bias=spec.position_bias,
        composition=spec.composition,
        varied=lambda values: _configuration(file, spec, 0, base, values),
        judging=_judging(file, spec.judging, path.parent, base),
        fault=file.error,
    )


def _placed(data: DataSpec, folder: Path) -> DataSpec:
    """The same with its relative paths counted from a folder."""
    paths = {"path": data.path, "judgments": data.judgments}
    return data.model_copy(update={name: folder / path for name, path in paths.items() if path is not None})


def _judging(file: YamlFile, spec: JudgingSpec, folder: Path, base: Overlay) -> Judging:
    """Raises ExperimentError for guidelines that cannot be read, and for settings of the model that cannot be used."""
    model, place = None, ("judging", "model")
    if spec.model is not None:
        for name in spec.model:
            _check_name(file, name, place, base)

        def fault(setting: tuple[str | int, ...], problem: str) -> ExperimentError:
            return file.error((*place, *setting), problem)

        model = Configuration("the judge", _laid(base, spec.model, fault), spec.model, fault=fault)
    text = "" if spec.guidelines is None else _guidelines(file, folder / spec.guidelines)
    return Judging(
        scale=spec.points,
        guidelines=text,
        judges=tuple(spec.judges),
        overlap=spec.overlap,
        model=model,
        prompt=spec.prompt,
        reasons=spec.reasons,
        timeout_s=spec.timeout_s,
    )


def _guidelines(file: YamlFile, path: Path) -> str:
    try:
        with path.open(encoding="utf-8-sig") as opened:
            text = opened.read(MAX_GUIDELINES + 1).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise file.error(("judging", "guidelines"), f"{path} cannot be read as a text in UTF-8") from error
    if len(text) > MAX_GUIDELINES:
        raise file.error(("judging", "guidelines"), f"{path} has more than {MAX_GUIDELINES:,} characters")
    return text


def _grid(file: YamlFile, spec: _ExperimentSpec, base: Overlay) -> tuple[Configuration, ...]:
    """Raises ExperimentError for names that are no settings, no values, or too many combinations."""
    for name, values in spec.sweep.items():
        if not values:
            raise file.error(("sweep", name), "there is nothing to try; list its values")
    if (size := math.prod(map(len, spec.sweep.values()))) > MOST_COMBINATIONS:
        raise file.error(("sweep",), f"these are {size:,} combinations, and {MOST_COMBINATIONS} are the most")
    if not spec.sweep:
        return ()
    return tuple(
        _configuration(file, spec, 0, base, dict(zip(spec.sweep, values, strict=True)))
        for values in itertools.product(*spec.sweep.values())
    )


def _configuration(
    file: YamlFile, spec: _ExperimentSpec, number: int, base: Overlay, swept: Mapping[str, Any] | None = None
) -> Configuration:
    """The configuration of a number; `swept` lays values of the sweep over it, and names it."""
    one, place = spec.configurations[number], ("configurations", number)
    own = dict(one.model_extra or {})
    for name in swept or ():
        _check_name(file, name, ("sweep",), base)
    for names, where in ((spec.settings, ("settings",)), (own, place)):
        for name in names:
            _check_name(file, name, where, base)
    chosen = {**spec.settings, **own, **(swept or {})}
    places: dict[str | int, Location] = {**dict.fromkeys(spec.settings, ("settings",)), **dict.fromkeys(own, place)}
    places |= dict.fromkeys(swept or (), ("sweep",))

    def fault(setting: tuple[str | int, ...], problem: str) -> ExperimentError:
        return file.error((*places.get(setting[0], place), *setting) if setting else place, problem)

    price = one.price or spec.price
    return Configuration(
        name=", ".join(f"{name} {value}" for name, value in swept.items()) if swept else one.name,
        setup=_laid(base, chosen, fault),
        chosen=chosen,
        k=one.k if one.k is not None else spec.k,
        filter=spec.filter if one.filter is None else one.filter,
        price=Price(price.prompt, price.generated) if price else None,
        fault=fault,
    )


def _laid(base: Overlay, chosen: Mapping[str, Any], fault: Fault) -> Setup:
    try:
        return base.lay(chosen)
    except UnusableSetting as error:
        raise fault(error.place, error.problem) from error


def _check_name(file: YamlFile, name: str, where: Location, base: Overlay) -> None:
    if name in base.measured:
        return
    if name in base.known:
        problem = "this setting cannot change a result, or is chosen by the lab or the environment. Remove it"
    else:
        own = () if where[0] == "judging" else _ConfigurationSpec.model_fields
        near = difflib.get_close_matches(name, [*base.measured, *own], 1)
        problem = f"there is no such setting{f' (did you mean {near[0]}?)' if near else ''}"
    raise file.error((*where, name), problem)


def _first_fault(file: YamlFile, error: ValidationError) -> Exception:
    """The first fault as an ExperimentError at its place."""
    fault = first_fault(error)
    return file.error(tuple(fault["loc"]), fault["msg"].rstrip("."))

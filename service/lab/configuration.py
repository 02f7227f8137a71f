"""A configuration of an experiment: settings of the service, laid over those of this machine, and what is asked of it.

What is measured is what is served, so a configuration uses the names of the settings for encoders, stores and
strategies.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from service.lab.digests import digest_of
from service.lab.lab_errors import ExperimentError
from service.lab.setup import Setup
from service.lab.yaml_file import spelled


@dataclass(frozen=True)
class Price:
    """What a hosted model costs, in one currency, for a million tokens read and written."""

    prompt: float = 0.0
    generated: float = 0.0


Fault = Callable[[tuple[str | int, ...], str], ExperimentError]
"""A setting, with parts of its value, or nothing if it is about the whole; and the problem, without its full stop."""


def _unplaced(setting: tuple[str | int, ...], problem: str) -> ExperimentError:
    return ExperimentError(f"{spelled(setting)}: {problem}." if setting else f"{problem}.")


@dataclass(frozen=True)
class Configuration:
    """A configuration. `chosen` is what the experiment sets, `setup` everything in effect.

    `k`: results of a query; None: as many as the data set's measures need. `filter`: whether the queries' filters
    are applied. `fault`: the error for a problem, at its place in the file.
    """

    name: str
    setup: Setup
    chosen: Mapping[str, object]
    k: int | None = None
    filter: bool = True
    price: Price | None = None
    fault: Fault = field(default=_unplaced, compare=False, repr=False)

    @property
    def measured(self) -> Mapping[str, object]:
        """Every setting that can change a result."""
        return self.setup.values

    def encoder_key(self) -> str:
        """Configurations with the same key share a loaded encoder."""
        return self._key("encoder")

    def engine_key(self) -> str:
        """Configurations with the same key share a loaded engine."""
        return self._key("engine")

    def store_key(self) -> str:
        """Together with the encoder's fingerprint and the gallery: configurations that share a filled store."""
        return self._key("store_uri", "index_")

    def _key(self, *prefixes: str) -> str:
        chosen = {name: value for name, value in self.measured.items() if name.startswith(prefixes)}
        return digest_of([chosen, self.setup.torch_threads])

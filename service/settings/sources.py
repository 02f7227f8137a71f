"""Where settings come from: the environment and `.env` by flat names, a TOML file by tables."""

from __future__ import annotations

import os
import tomllib
import warnings
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import create_model
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, DotEnvSettingsSource, EnvSettingsSource, PydanticBaseSettingsSource

from service.errors import ConfigurationError
from service.settings.names import Place, grouped, places

CONFIG_VARIABLE = "WITHTHIS_CONFIG"


class Grouped(PydanticBaseSettingsSource):
    """Another source, its flat names put into their groups, so that sources are laid over each other by group."""

    def __init__(self, settings_cls: type[BaseSettings], inner: PydanticBaseSettingsSource) -> None:
        super().__init__(settings_cls)
        self._inner = inner

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Unused: the values come all at once."""
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        return grouped(self._inner(), places(self.settings_cls))


def environment(settings_cls: type[BaseSettings]) -> PydanticBaseSettingsSource:
    """`WITHTHIS_…` variables."""
    return Grouped(settings_cls, EnvSettingsSource(_flat(settings_cls)))


def dotenv(settings_cls: type[BaseSettings], like: PydanticBaseSettingsSource) -> PydanticBaseSettingsSource:
    """The `.env` file that `like` would read."""
    assert isinstance(like, DotEnvSettingsSource)
    return Grouped(settings_cls, DotEnvSettingsSource(_flat(settings_cls), like.env_file, like.env_file_encoding))


def dotenv_names(settings_cls: type[BaseSettings]) -> list[str]:
    """The variables of the `.env` file, in lower-case letters."""
    return list(DotEnvSettingsSource(_flat(settings_cls)).env_vars)


class ConfigFile(PydanticBaseSettingsSource):
    """The TOML file named by `WITHTHIS_CONFIG`, if any. Raises ConfigurationError where it cannot be used."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Unused: the values come all at once."""
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        config = os.environ.get(CONFIG_VARIABLE)
        if not config:
            return {}
        known = places(self.settings_cls)
        values = _read(Path(config))
        found = grouped(values, known)
        if unknown := sorted(_unknown(found, known)):
            raise ConfigurationError(f"The file named by {CONFIG_VARIABLE} has unknown settings: {', '.join(unknown)}.")
        _say_what_is_deprecated(values, known)
        return found


@cache
def _flat(settings_cls: type[BaseSettings]) -> type[BaseSettings]:
    """A model with a field for each flat name, by which pydantic-settings finds variables and decodes JSON."""
    fields: dict[str, Any] = {name: (place.info.annotation, None) for name, place in places(settings_cls).items()}
    flat: type[BaseSettings] = create_model("FlatSettings", __base__=BaseSettings, **fields)
    flat.model_config = settings_cls.model_config
    return flat


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise ConfigurationError(f"{CONFIG_VARIABLE} names a file that cannot be read. Correct the path.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"The file named by {CONFIG_VARIABLE} is not valid TOML.") from error


def _unknown(found: Mapping[str, Any], known: Mapping[str, Place]) -> set[str]:
    inner = {(place.group, place.field) for place in known.values()}
    groups = {place.group for place in known.values() if place.group}
    outside = {name for name in found if name not in groups and (None, name) not in inner}
    inside = {f"{group}.{name}" for group in found.keys() & groups for name in found[group]}
    return outside | (inside - {f"{group}.{field}" for group, field in inner})


def _say_what_is_deprecated(values: Mapping[str, Any], known: Mapping[str, Place]) -> None:
    groups = {place.group for place in known.values()}
    flat = {
        name: known[name]
        for name, value in values.items()
        if name in known and known[name].group and not (name in groups and isinstance(value, Mapping))
    }
    if not flat:
        return
    moves = ", ".join(f"{name} to [{place.group}] {place.field}" for name, place in sorted(flat.items()))
    warnings.warn(
        f"Settings outside of tables in the file named by {CONFIG_VARIABLE} are deprecated; move {moves}.",
        FutureWarning,
        stacklevel=2,
    )

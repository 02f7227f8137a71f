"""All settings together, and how they are read."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from service.errors import ConfigurationError
from service.images.decode import ImageLimits
from service.settings.catalog_settings import CatalogSettings
from service.settings.encoder_settings import EncoderSettings
from service.settings.engine_settings import EngineSettings
from service.settings.images_settings import ImagesSettings
from service.settings.misspelled import PREFIX, misspelled
from service.settings.names import Place, grouped, places
from service.settings.online_settings import OnlineSettings
from service.settings.rerank_settings import RerankSettings
from service.settings.reranker_settings import RerankerSettings
from service.settings.search_settings import SearchSettings
from service.settings.server_settings import ServerSettings
from service.settings.several_catalogs import Catalogs, check_apart, check_bound_keys, own_settings
from service.settings.sources import CONFIG_VARIABLE, ConfigFile, Grouped, dotenv, dotenv_names, environment
from service.settings.store_settings import StoreSettings
from service.support.first_fault import faults
from service.wire.catalogs import DEFAULT_CATALOG

logger = logging.getLogger(__name__)


class Settings(BaseSettings):
    """All settings of the service and the command line. Use `load_settings` for errors made to be read.

    Keywords are flat names (`engine_url`) or groups (`engine={"url": …}`).
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=".env", env_file_encoding="utf-8", extra="ignore", frozen=True
    )

    data_dir: Path = Field(Path(".withthis"), description="Folder for the local store and the catalog's images.")
    catalogs: Catalogs = Field(
        default_factory=list,
        description="Further catalogs: names, or tables of name, collection, images_url, rules, synonyms, search_log, "
        "lexical_fields, lexical_field_weights, understand_fields and document.",
    )
    server: ServerSettings = Field(default_factory=ServerSettings)
    store: StoreSettings = Field(default_factory=StoreSettings)
    images: ImagesSettings = Field(default_factory=ImagesSettings)
    encoder: EncoderSettings = Field(default_factory=EncoderSettings)
    engine: EngineSettings = Field(default_factory=EngineSettings)
    rerank: RerankSettings = Field(default_factory=RerankSettings)
    reranker: RerankerSettings = Field(default_factory=RerankerSettings)
    search: SearchSettings = Field(default_factory=SearchSettings)
    catalog: CatalogSettings = Field(default_factory=CatalogSettings)
    online: OnlineSettings = Field(default_factory=OnlineSettings)

    @field_validator("data_dir", mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        """`Path` would make the current folder of an empty one."""
        if value == "":
            raise ValueError("name a folder")
        return value

    @model_validator(mode="after")
    def _compare(self) -> Self:
        rival = self.online.interleave
        if rival and not (rival.enabled or rival.retrieves or self.rerank.enabled):
            raise ValueError("interleave would compare retrieval with itself; leave enabled out of it")
        check_bound_keys({key.name: key.catalogs or () for key in self.server.api_keys}, self.catalog_names)
        each = [self.of_catalog(name) for name in self.catalog_names]
        check_apart(
            [one.store.collection for one in each],
            images_url=[one.images_location for one in each],
            rules=[one.search.rules for one in each],
            search_log=[one.online.search_log for one in each],
        )
        return self

    @property
    def store_uri(self) -> str:
        """Where the store is: `store.uri`, else a Milvus Lite file below `data_dir`."""
        return self.store.uri or str(self.data_dir / "milvus.db")

    @property
    def images_location(self) -> str:
        """Where the catalog's images are: a folder or a URL."""
        return self.images.url or str(self.data_dir / "images")

    @property
    def engine_name(self) -> str | None:
        """The engine that is loaded: none, unless it is named, where a trained reranker ranks instead."""
        is_named = "name" in self.engine.model_fields_set
        return self.engine.name if is_named or self.rerank.strategy != "reranker" else None

    @property
    def image_limits(self) -> ImageLimits:
        """The limits for images from outside."""
        return ImageLimits(
            max_bytes=self.images.max_image_bytes,
            max_pixels=self.images.max_image_pixels,
            min_side=self.images.min_image_side,
            working_side=self.images.working_image_side,
            decode_pixels=self.images.decode_pixels,
        )

    @property
    def catalog_names(self) -> tuple[str, ...]:
        """All catalogs, the default one first."""
        return DEFAULT_CATALOG, *(entry.name for entry in self.catalogs)

    def of_catalog(self, name: str) -> Self:
        """The settings of one catalog, as those of a service that has it alone. Raises ConfigurationError."""
        alone: dict[str, Any] = {"catalogs": []}
        if name == DEFAULT_CATALOG:
            return self.model_copy(update=alone)
        for entry in self.catalogs:
            if entry.name == name:
                own = own_settings(
                    entry,
                    store_uri=self.store.uri,
                    collection=self.store.collection,
                    images=self.images_location,
                    search_log=self.online.search_log,
                )
                return self.model_copy(update=alone | own)
        raise ConfigurationError(
            f"There is no catalog of this name. It can be: {', '.join(self.catalog_names)}. See WITHTHIS_CATALOGS."
        )

    def flat(self, name: str) -> Any:
        """A setting by its flat name, with what is derived where it is not set."""
        if name == "store_uri":
            return self.store_uri
        place = setting_places()[name]
        return getattr(getattr(self, place.group) if place.group else self, place.field)

    def given(self) -> dict[str, object]:
        """What was given rather than left at its default, by flat name."""
        return {
            name: self.flat(name)
            for name, place in setting_places().items()
            if place.field in self._owner(place).model_fields_set
        }

    def _owner(self, place: Place) -> Any:
        return getattr(self, place.group) if place.group else self

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy with some settings replaced, by flat name or group; like pydantic's, it does not validate them."""
        changes = grouped(update or {}, setting_places())
        groups = {
            name: getattr(self, name).model_copy(update=value) if isinstance(value, dict) else value
            for name, value in changes.items()
        }
        return super().model_copy(update=groups, deep=deep)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read flat names everywhere, and tables in the TOML file."""
        given = Grouped(settings_cls, init_settings)
        return given, environment(settings_cls), dotenv(settings_cls, dotenv_settings), ConfigFile(settings_cls)


def setting_places() -> dict[str, Place]:
    """Every setting by its flat name, in the order of the groups."""
    return places(Settings)


def load_settings(**overrides: Any) -> Settings:
    """Read the settings from all sources. Raises ConfigurationError that names each wrong setting."""
    known = {f"{PREFIX}{name.upper()}" for name in setting_places()} | {CONFIG_VARIABLE}
    for sentence in misspelled([*os.environ, *dotenv_names(Settings)], known):
        logger.warning(sentence)
    try:
        return Settings(**overrides)
    except ValidationError as error:
        lines = [f"{_variable(fault['loc'])}: {fault['msg']}" for fault in faults(error)]
        raise ConfigurationError("Invalid settings. " + "; ".join(lines) + ".") from error
    except ValueError as error:  # pydantic-settings: a table in the environment that is not JSON
        raise ConfigurationError(_not_json(str(error))) from error


def _not_json(said: str) -> str:
    """What to write instead; pydantic-settings names the setting in double quotes."""
    name = next((name for name in setting_places() if f'"{name}"' in said), None)
    setting = f"{PREFIX}{name.upper()}" if name else "A setting that takes a table or a list"
    return f"{setting} must be written as JSON, like '{{\"M\": 32}}' for a table and '[\"a\"]' for a list."


def flat_name(location: tuple[int | str, ...]) -> str | None:
    """The flat name of the setting at a place of a ValidationError; None: several of them together."""
    places = setting_places()
    for name, place in places.items():
        if location[:2] in {(place.group, place.field), (place.group, name)}:
            return name
    return next((name for name in places if location[:1] == (name,)), None)  # `engine` is a group and a setting


def _variable(location: tuple[int | str, ...]) -> str:
    """The variable, and the place within a table or a list, such as `WITHTHIS_INTERLEAVE.lexical_weight`."""
    name = flat_name(location)
    if name is None:
        return "settings"
    inside = location[2:] if setting_places()[name].group else location[1:]
    within = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in inside)
    return "".join([PREFIX, name.upper(), *within])

"""Every setting, in one place.

Order of precedence: arguments, environment (``WITHTHIS_…``), a ``.env`` file in the current folder, the TOML file named
by ``WITHTHIS_CONFIG``, the defaults below. Lists and tables are written as JSON in the environment
(``WITHTHIS_INDEX_PARAMS='{"M": 32}'``). Unknown variables are ignored; unknown names in the TOML file are an error,
since there they can only be slips.
"""

import os
import re
import tomllib
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from service.errors import ConfigurationError
from service.media.decode import ImageLimits

CONFIG_VARIABLE = "WITHTHIS_CONFIG"
IndexType = Literal["AUTOINDEX", "HNSW", "IVF_FLAT", "FLAT"]


class Settings(BaseSettings):
    """All settings of the service and the command line. Use :func:`load_settings` for errors made to be read."""

    model_config = SettingsConfigDict(
        env_prefix="WITHTHIS_", env_file=".env", env_file_encoding="utf-8", extra="ignore", frozen=True
    )

    host: str = Field("127.0.0.1", description="Address the service listens on.")
    port: int = Field(8000, ge=0, le=65535, description="Port the service listens on; 0 takes a free one.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Least severe messages to log.")
    data_dir: Path = Field(Path(".withthis"), description="Folder for the local store and the catalogue's pictures.")

    store_uri: str = Field(
        "", description="Milvus: a path ending in .db (local file) or an http(s) address. Empty: data_dir/milvus.db."
    )
    store_token: SecretStr | None = Field(None, description="Milvus token, or user:password.")
    store_timeout_s: float = Field(10.0, gt=0, le=600, description="Seconds to wait for the store before giving up.")
    collection: str = Field(
        "products", pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,199}$", description="Name of the Milvus collection."
    )
    index_type: IndexType = Field("AUTOINDEX", description="Vector index, used when the collection is created.")
    index_params: dict[str, int] = Field(
        default_factory=dict, description="Build parameters of the index, such as M and efConstruction, or nlist."
    )
    search_params: dict[str, int] = Field(
        default_factory=dict, description="Search parameters of the index, such as ef or nprobe."
    )

    encoder: str = Field("starter", min_length=1, description="Encoder of queries and products.")
    encoder_path: Path | None = Field(None, description="Weights of the encoder; empty takes those in the package.")
    encoder_batch: int = Field(32, ge=1, le=1024, description="Pictures encoded at once while indexing.")
    torch_threads: int | None = Field(None, ge=1, le=256, description="Threads for torch; empty leaves torch's choice.")

    rerank_enabled: bool = Field(True, description="Rerank unless the request says otherwise.")
    engine: str = Field("starter", min_length=1, description="Engine that runs the reranking model.")
    engine_path: Path | None = Field(None, description="Weights of the engine; empty takes those in the package.")
    strategy: str = Field("listwise", min_length=1, description="Reranking strategy.")
    rerank_candidates: int = Field(9, ge=1, le=26, description="Products handed to the reranker.")
    rerank_deadline_ms: int = Field(20_000, ge=1, le=600_000, description="Time given to reranking, in ms.")
    fusion_weight: float = Field(1.0, ge=0, le=1, description="1 orders by the reranker alone, 0 by retrieval alone.")
    rank_prompt: str | None = Field(None, description="Prompt for ranking, as id or id@version; none: its own.")
    caption_prompt: str | None = Field(None, description="Prompt for captions, as id or id@version; none: its own.")
    prompts_dir: Path | None = Field(None, description="Folder with prompt templates; none: the package's.")
    caption_cache_size: int = Field(1024, ge=0, description="Captions of query pictures kept in memory.")

    max_image_bytes: int = Field(10 * 2**20, ge=1024, description="Largest accepted picture, in encoded bytes.")
    max_image_pixels: int = Field(40_000_000, ge=64, le=89_000_000, description="Largest accepted picture, in pixels.")
    min_image_side: int = Field(3, ge=1, le=512, description="Smallest accepted side of a picture, in pixels.")
    working_image_side: int = Field(1024, ge=64, le=8192, description="Longer side to which pictures are reduced.")
    max_body_bytes: int = Field(16 * 2**20, ge=1024, description="Largest accepted request body, in bytes.")
    max_text_chars: int = Field(2000, ge=1, description="Longest accepted query text, in characters.")
    default_limit: int = Field(9, ge=1, description="Results of a search that names no limit.")
    max_limit: int = Field(100, ge=1, le=1000, description="Largest limit of a search.")

    search_concurrency: int = Field(2, ge=1, le=256, description="Searches worked on at the same time.")
    search_queue: int = Field(16, ge=0, le=10_000, description="Searches that may wait; further ones get 429.")
    search_queue_wait_ms: int = Field(10_000, ge=0, le=600_000, description="Longest wait in that queue, in ms.")
    retry_after_s: int = Field(1, ge=1, le=3600, description="Retry-After sent with 429, in seconds.")

    @field_validator("store_uri")
    @classmethod
    def _known_scheme(cls, value: str) -> str:
        if value and not re.match(r"https?://[^/]|tcp://[^/]|unix:", value) and not value.endswith(".db"):
            raise ValueError("give a path that ends in .db or an address that starts with http:// or https://")
        return value

    @model_validator(mode="after")
    def _fill_and_compare(self) -> Self:
        if not self.store_uri:
            object.__setattr__(self, "store_uri", str(self.data_dir / "milvus.db"))
        if self.default_limit > self.max_limit:
            raise ValueError("default_limit must not exceed max_limit")
        return self

    @property
    def images_dir(self) -> Path:
        """Where the catalogue's pictures lie."""
        return self.data_dir / "images"

    @property
    def image_limits(self) -> ImageLimits:
        """The limits for pictures from outside."""
        return ImageLimits(
            max_bytes=self.max_image_bytes,
            max_pixels=self.max_image_pixels,
            min_side=self.min_image_side,
            working_side=self.working_image_side,
        )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Add the TOML file as the last source before the defaults."""
        sources = (init_settings, env_settings, dotenv_settings, file_secret_settings)
        config = os.environ.get(CONFIG_VARIABLE)
        return (*sources, TomlConfigSettingsSource(settings_cls, Path(config))) if config else sources


def load_settings(**overrides: Any) -> Settings:
    """Read the settings from all sources. Raises :class:`ConfigurationError` that names each wrong setting."""
    _check_config_file()
    try:
        return Settings(**overrides)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False, include_input=False)
        lines = [f"{_setting_name(fault['loc'])}: {fault['msg'].removeprefix('Value error, ')}" for fault in faults]
        raise ConfigurationError("Wrong settings. " + "; ".join(lines) + ".") from error
    except ValueError as error:  # pydantic-settings: a table in the environment that is not JSON
        raise ConfigurationError("A setting that takes a table must be written as JSON, like '{\"M\": 32}'.") from error


def _setting_name(location: tuple[int | str, ...]) -> str:
    return "WITHTHIS_" + str(location[0]).upper() if location else "settings"


def _check_config_file() -> None:
    config = os.environ.get(CONFIG_VARIABLE)
    if not config:
        return
    try:
        with Path(config).open("rb") as file:
            names = tomllib.load(file).keys()
    except OSError as error:
        raise ConfigurationError(f"{CONFIG_VARIABLE} names a file that cannot be read. Correct the path.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"The file named by {CONFIG_VARIABLE} is not valid TOML.") from error
    unknown = sorted(names - Settings.model_fields.keys())
    if unknown:
        raise ConfigurationError(f"The file named by {CONFIG_VARIABLE} has unknown settings: {', '.join(unknown)}.")

"""The base class of groups of settings."""

from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator


class Group(BaseModel):
    """Settings that belong together, immutable.

    A field's alias is the setting's name outside of its group: in the environment (`WITHTHIS_` and the alias in
    upper case), in experiments, and as a keyword of `Settings`. Inside, in code and in tables of a TOML file, the
    field's own name is used.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_by_name=True, validate_by_alias=True)

    @field_validator("*", mode="before")
    @classmethod
    def _no_path(cls, value: Any, info: ValidationInfo) -> Any:
        """An empty path is none; `Path` would make it the current folder."""
        is_path = info.field_name is not None and Path in get_args(cls.model_fields[info.field_name].annotation)
        return None if is_path and value == "" else value

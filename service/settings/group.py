"""The base class of groups of settings."""

from pydantic import BaseModel, ConfigDict


class Group(BaseModel):
    """Settings that belong together, immutable.

    A field's alias is the setting's name outside of its group: in the environment (`WITHTHIS_` and the alias in
    upper case), in experiments, and as a keyword of `Settings`. Inside, in code and in tables of a TOML file, the
    field's own name is used.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_by_name=True, validate_by_alias=True)

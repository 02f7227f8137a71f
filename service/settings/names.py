"""The names of settings: flat in the environment (`engine_url`), grouped in code (`engine.url`)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from service.settings.group import Group


class Place(NamedTuple):
    """Where a flat name belongs: a field of a group, or of the settings themselves if `group` is None."""

    group: str | None
    field: str
    info: FieldInfo


def groups_of(settings: type[BaseModel]) -> dict[str, type[Group]]:
    """The groups of a class of settings, by name."""
    fields = settings.model_fields.items()
    return {
        name: info.annotation
        for name, info in fields
        if isinstance(info.annotation, type) and issubclass(info.annotation, Group)
    }


@cache
def places(settings: type[BaseModel]) -> dict[str, Place]:
    """Every setting by its flat name."""
    groups = groups_of(settings)
    own = {name: Place(None, name, info) for name, info in settings.model_fields.items() if name not in groups}
    grouped = {
        info.alias or name: Place(group, name, info)
        for group, model in groups.items()
        for name, info in model.model_fields.items()
    }
    return own | grouped


def grouped(values: Mapping[str, Any], known: Mapping[str, Place]) -> dict[str, Any]:
    """Values by flat name, by group, or both → by group. Unknown names stay as they are.

    A group's name may also be a flat one (`engine` is `engine.name`): a table is the group.
    """
    found: dict[str, Any] = {}
    groups = {place.group for place in known.values()}
    for name, value in values.items():
        if name in groups and isinstance(value, Mapping):
            inner = {
                known[key].field if key in known and known[key].group == name else key: value[key] for key in value
            }
            found.setdefault(name, {}).update(inner)
        elif name in known and (group := known[name].group) is not None:
            found.setdefault(group, {})[known[name].field] = value
        else:
            found[name] = value
    return found

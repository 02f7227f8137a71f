"""Several catalogs in one service: their names, and what is set for each of them alone."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from service.settings.setting_types import CollectionName, DocumentFields, ImagesUrl
from service.wire.catalogs import DEFAULT_CATALOG, CatalogName

_EXACT = "exact:"


class CatalogEntry(BaseModel):
    """One further catalog. What is left out is derived from the settings of the default one, but it has rules and
    synonyms only if they are named.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: CatalogName
    collection: CollectionName | None = None
    images_url: ImagesUrl | None = None
    rules: Path | None = None
    synonyms: Path | None = None
    search_log: Path | None = None
    lexical_fields: Annotated[list[str], Field(min_length=1)] | None = None
    lexical_field_weights: dict[str, Annotated[float, Field(gt=0, le=1)]] | None = None
    understand_fields: list[str] | None = None
    document: DocumentFields | None = None

    @model_validator(mode="before")
    @classmethod
    def _by_name(cls, value: Any) -> Any:
        """A name alone is enough."""
        return {"name": value} if isinstance(value, str) else value


def _distinct(entries: list[CatalogEntry]) -> list[CatalogEntry]:
    names = [DEFAULT_CATALOG, *(entry.name for entry in entries)]
    if len(set(names)) < len(names):
        raise ValueError(f"each catalog needs its own name; {DEFAULT_CATALOG} is that of the settings themselves")
    return entries


Catalogs = Annotated[list[CatalogEntry], AfterValidator(_distinct)]


def own_settings(
    entry: CatalogEntry, *, store_uri: str, collection: str, images: str, search_log: Path | None
) -> dict[str, object]:
    """The settings of a catalog that differ from those of the default one, by flat name. The arguments are its."""
    given = {name: value for name in _FIELDS if (value := getattr(entry, name)) is not None}
    return {
        "store_uri": _own_file(store_uri, entry.name) if store_uri.startswith(_EXACT) else store_uri,
        "collection": entry.collection or f"{entry.name.replace('-', '_')}_{collection}",
        "images_url": entry.images_url or f"{images.rstrip('/')}/catalogs/{entry.name}",
        "rules": entry.rules,
        "synonyms": entry.synonyms,
        "search_log": entry.search_log or (search_log and search_log / "catalogs" / entry.name),
        **given,
    }


_FIELDS = ("lexical_fields", "lexical_field_weights", "understand_fields", "document")


def _own_file(uri: str, name: str) -> str:
    """The file of a catalog in exact search; in memory, each has its own anyway."""
    path = Path(uri.removeprefix(_EXACT))
    return f"{_EXACT}{path.parent / 'catalogs' / name / path.name}" if path.name else uri


def check_apart(collections: Sequence[str], **places: Sequence[str | Path | None]) -> None:
    """Raise ValueError if two catalogs would share a collection, whose versions are `<collection>_v<number>`, or a
    file, folder or URL that is written to for each: a sweep of the images of one would delete those of the other.
    """
    versionless = [re.sub(r"(_v[1-9][0-9]*)+$", "", name) for name in collections]
    named = {name: [_place(one) for one in given if one is not None] for name, given in places.items()}
    for name, given in {"collection": versionless, **named}.items():
        if len(set(given)) < len(given):
            raise ValueError(f"each catalog needs {name} of its own; name it in its entry of catalogs")


def _place(location: str | Path) -> str:
    """One spelling of a path or URL."""
    text = str(location)
    return text.rstrip("/") if "://" in text else str(Path(text).absolute())


def check_bound_keys(bound: Mapping[str, Collection[str]], names: Sequence[str]) -> None:
    """Raise ValueError for a key, by its name, that is bound to a catalog that this service does not have."""
    for key, catalogs in bound.items():
        if unknown := sorted(set(catalogs) - set(names)):
            raise ValueError(f"the API key {key} is bound to {unknown[0]}, which catalogs does not name")

"""The stored features that the engine of the settings ranks by: their form, and what extracts them during indexing."""

from __future__ import annotations

from collections.abc import Callable

from rerank.engines.features import FeatureForm
from service.catalog.indexed_features import Extract
from service.encoders.encoder import Encoder
from service.errors import ConfigurationError
from service.search.reranking.engine_options import EngineOptions
from service.search.reranking.engines import NO_FILES
from service.settings import Settings
from starter.engine_entry import load_starter_extractor, starter_features

FORMS: dict[str, Callable[[EngineOptions], FeatureForm]] = {"starter": starter_features}
"""The form of the features that an engine stores, by the engine's name; those that store none are not here."""


def stored_form(settings: Settings) -> FeatureForm | None:
    """The form of the features that are stored beside the images, if any are. Raises ConfigurationError."""
    name, engine = settings.engine_name, settings.engine
    if name is None or name not in FORMS or not engine.store_features:
        return None
    try:
        return FORMS[name](engine.options())
    except OSError as error:
        raise ConfigurationError(NO_FILES) from error


def load_shared_extractor(settings: Settings, encoder: Encoder) -> tuple[FeatureForm, Extract] | None:
    """What extracts the features that are stored, if it shares this encoder's looks at images. Raises
    ConfigurationError.
    """
    form = stored_form(settings)
    found = None if form is None else load_starter_extractor(settings.engine.options(), encoder)
    return found if found is not None and found[0] == form else None

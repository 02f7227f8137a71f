"""Encoders by name: the one place that knows which there are."""

from collections.abc import Callable

from service.encoders.base import Encoder
from service.encoders.starter import STARTER_ID, StarterEncoder
from service.errors import EncoderUnavailable, UnknownEncoder
from service.settings import Settings


def _starter(settings: Settings) -> Encoder:
    return StarterEncoder.load(settings.encoder_path)


ENCODERS: dict[str, Callable[[Settings], Encoder]] = {STARTER_ID: _starter}


def load_encoder(settings: Settings) -> Encoder:
    """Load the encoder that the settings name.

    Raises :class:`UnknownEncoder`, listing the known names, or :class:`EncoderUnavailable` if its files are missing.
    """
    loader = ENCODERS.get(settings.encoder)
    if loader is None:
        known = ", ".join(sorted(ENCODERS))
        raise UnknownEncoder(f"There is no encoder {settings.encoder!r}. Set WITHTHIS_ENCODER to one of: {known}.")
    try:
        return loader(settings)
    except (OSError, ImportError, ValueError, KeyError, RuntimeError) as error:  # what broken weight files raise
        raise EncoderUnavailable from error

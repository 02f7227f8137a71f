# ruff: noqa: N818 (the tree says what they are; a suffix on every name would only make them longer)
"""What the operator can fix, and what should not have happened."""

from service.errors.problem import WithThisError


class ConfigurationError(WithThisError):
    """An invalid setting; raised when the service or a command starts."""

    type = "configuration"
    title = "A setting is not valid"
    default_detail = "Check the WITHTHIS_ variables, the .env file and the file named by WITHTHIS_CONFIG."


class UnknownEncoder(ConfigurationError):
    """The encoder named in the settings does not exist."""

    type = "unknown-encoder"
    title = "There is no such encoder"
    default_detail = "Set WITHTHIS_ENCODER to a known encoder."


class EncoderUnavailable(ConfigurationError):
    """The encoder is known but its files are missing or cannot be used."""

    type = "encoder-unavailable"
    title = "The encoder cannot be loaded"
    default_detail = "The encoder's files are missing or damaged. Reinstall it or set WITHTHIS_ENCODER_PATH."


class InternalFault(WithThisError):
    """Anything that should not happen; the log has the cause."""

    type = "internal-fault"
    title = "Something went wrong inside the service"
    default_detail = "The service failed on this request. The cause has been logged, and the service keeps running."

"""The TOML file of settings that `WITHTHIS_CONFIG` names."""

import os
import tomllib
from collections.abc import Collection
from pathlib import Path

from service.errors import ConfigurationError

CONFIG_VARIABLE = "WITHTHIS_CONFIG"


def check_config_file(known: Collection[str]) -> None:
    """Raise ConfigurationError for a file that cannot be read or names settings that are not `known`."""
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
    unknown = sorted(names - set(known))
    if unknown:
        raise ConfigurationError(f"The file named by {CONFIG_VARIABLE} has unknown settings: {', '.join(unknown)}.")

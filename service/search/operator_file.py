"""A YAML file that an operator writes and a setting names: the rules, the synonyms."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml

from service.errors import ConfigurationError

MOST_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class OperatorFile:
    """The file at `path`; `content` says what it holds, and `setting` is the variable that names it."""

    content: str
    setting: str
    path: Path

    def read(self) -> object:
        """What the file says, None if it is empty. ConfigurationError if it cannot be read, or is not YAML."""
        try:
            with self.path.open("rb") as file:
                data = file.read(MOST_BYTES + 1)
            if len(data) > MOST_BYTES:
                raise self.wrong("is larger than 1 MiB")
            return yaml.safe_load(data)
        except OSError as error:
            raise self.wrong("cannot be read") from error
        except (yaml.YAMLError, ValueError) as error:
            raise self.wrong("is not YAML") from error

    def wrong(self, what: str) -> ConfigurationError:
        """The error that names the file and the setting; `what` follows the name."""
        return ConfigurationError(f"The file of {self.content}, {self.path}, {what}. See {self.setting}.")

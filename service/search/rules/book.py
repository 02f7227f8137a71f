"""The file of rules, which several processes may share: read when it has changed, replaced as a whole.

A file that is edited into something invalid, or is away for a moment, changes nothing: the rules read last stay, and
the log says why, once for each state of the file.
"""

from __future__ import annotations

import logging
import os
import tempfile
import threading
from pathlib import Path

import yaml
from pydantic import ValidationError

from service.errors import ConfigurationError, RulesNotSaved, RulesOff
from service.search.rules.rule_set import RulesBody

logger = logging.getLogger(__name__)

MOST_BYTES = 2**20
_State = tuple[int, int, int]


class RuleBook:
    """The rules of a service. Thread-safe."""

    def __init__(self, path: Path | None) -> None:
        """`path`: the file; without one there are no rules. Raises ConfigurationError for one that is not valid."""
        self._path = path
        self._lock = threading.Lock()
        self._state = _state(path) if path else None
        self._rules = read_rules(path) if path else RulesBody()

    def rules(self) -> RulesBody:
        """The rules as the file has them now."""
        if self._path is not None and (state := _state(self._path)) != self._state:
            self._reload(self._path, state)
        return self._rules

    def replace(self, rules: RulesBody) -> None:
        """Put other rules into the file, whole or not at all, for all services that read it.

        Raises:
            RulesOff: there is no file.
            RulesNotSaved: it cannot be written.
        """
        if self._path is None:
            raise RulesOff
        with self._lock:
            try:
                _write(self._path, rules)
            except OSError as error:
                raise RulesNotSaved from error
            self._state, self._rules = _state(self._path), rules

    def _reload(self, path: Path, state: _State | None) -> None:
        with self._lock:
            if state == self._state:
                return
            self._state = state
            try:
                self._rules = read_rules(path)
            except ConfigurationError as error:
                logger.error("%s The rules that were read before stay in use.", error.detail)


def read_rules(path: Path) -> RulesBody:
    """The rules in a file; an empty one has none. Raises ConfigurationError with the first fault and its place."""
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            raise _wrong(path, "is larger than 1 MiB")
        content = yaml.safe_load(data)
    except OSError as error:
        raise _wrong(path, "cannot be read") from error
    except (yaml.YAMLError, ValueError) as error:
        raise _wrong(path, "is not YAML") from error
    try:
        return RulesBody.model_validate({} if content is None else content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(str(part)[:60] for part in first["loc"])
        raise _wrong(path, f"is not valid at {place or 'the top'}: {first['msg']}") from error


def _write(path: Path, rules: RulesBody) -> None:
    """Write beside the file and put that in its place, so that no reader sees half of it."""
    content = rules.model_dump(mode="json", by_alias=True, exclude_unset=True)
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
    target = path.resolve()
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=target.parent, prefix=".rules-", delete=False) as file:
        try:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
            Path(file.name).replace(target)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise


def _state(path: Path) -> _State | None:
    """What tells two states of a file apart; None if it is away."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _wrong(path: Path, what: str) -> ConfigurationError:
    return ConfigurationError(f"The file of rules, {path}, {what}. See WITHTHIS_RULES.")

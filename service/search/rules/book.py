"""The file of rules, which several processes may share: read when it has changed, replaced as a whole.

A file that is edited into something invalid, or is away for a moment, changes nothing: the rules read last stay, and
the log says why, once for each state of the file.
"""

from __future__ import annotations

import logging
import threading
from pathlib import Path

import yaml
from pydantic import ValidationError

from service.errors import ConfigurationError, RulesNotSaved, RulesOff
from service.search.operator_file import OperatorFile
from service.support.first_fault import first_fault
from service.support.whole_file import write_whole
from service.wire.rules import RulesBody

logger = logging.getLogger(__name__)

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
    file = OperatorFile("rules", "WITHTHIS_RULES", path)
    content = file.read()
    try:
        return RulesBody.model_validate({} if content is None else content)
    except ValidationError as error:
        first = first_fault(error)
        place = ".".join(str(part)[:60] for part in first["loc"])
        raise file.wrong(f"is not valid at {place or 'the top'}: {first['msg']}") from error


def _write(path: Path, rules: RulesBody) -> None:
    """Put the rules into the file, of which no reader sees half."""
    content = rules.model_dump(mode="json", by_alias=True, exclude_unset=True)
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
    write_whole(path.resolve(), text.encode(), durable=True)


def _state(path: Path) -> _State | None:
    """What tells two states of a file apart; None if it is away."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino

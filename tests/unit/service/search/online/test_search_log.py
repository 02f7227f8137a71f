"""The search log on a disk that is full, slow or gone: lines stay whole, and nobody waits."""

from __future__ import annotations

import json
import logging
import os
import stat
import threading
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from service.errors import ConfigurationError
from service.search.online import log_file
from service.search.online.log_file import LogFile
from service.search.online.log_writer import LogWriter


def lines(folder: Path) -> list[bytes]:
    return [line for path in sorted(folder.iterdir()) for line in path.read_bytes().splitlines(keepends=True)]


class Disk:
    """Keeps lines; does what it is told first."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.full = False
        self.gate = threading.Event()
        self.reached = threading.Event()
        self.gate.set()

    def append(self, line: bytes) -> None:
        self.reached.set()
        assert self.gate.wait(30)
        if self.full:
            raise OSError(28, "No space left on device")
        self.lines.append(line)

    def close(self) -> None:
        self.lines.append(b"closed")


class Counted(Counter[str]):
    def __call__(self, result: str, lines: int) -> None:
        self[result] += lines


def test_files_are_full_at_a_size_and_for_nobody_else(tmp_path: Path) -> None:
    file = LogFile(tmp_path / "log", max_bytes=25)
    for number in range(5):
        file.append(b"line %05d\n" % number)
    file.close()
    assert sorted(path.stat().st_size for path in (tmp_path / "log").iterdir()) == [11, 22, 22]
    assert sorted(lines(tmp_path / "log")) == [b"line %05d\n" % number for number in range(5)]
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "log").iterdir()} == {0o600}
    assert stat.S_IMODE((tmp_path / "log").stat().st_mode) == 0o700


def test_a_new_day_begins_a_new_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    days = iter([datetime(2026, 1, 31, 23, 59, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)])

    class Clock(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            return next(days)

    monkeypatch.setattr(log_file, "datetime", Clock)
    file = LogFile(tmp_path)
    file.append(b"a\n")
    file.append(b"b\n")
    file.close()
    assert [path.name[:8] for path in sorted(tmp_path.iterdir())] == ["20260131", "20260201"]


def test_processes_share_a_folder_and_no_file(tmp_path: Path) -> None:
    files = [LogFile(tmp_path) for _ in range(4)]
    threads = [threading.Thread(target=_write, args=[file, name]) for name, file in enumerate(files)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = [path.read_bytes().splitlines() for path in tmp_path.iterdir()]
    assert sorted(set(own).pop() for own in found) == [b"0" * 500, b"1" * 500, b"2" * 500, b"3" * 500]
    assert [len(own) for own in found] == [50] * 4


def _write(file: LogFile, name: int) -> None:
    for _ in range(50):
        file.append(f"{name}".encode() * 500 + b"\n")
    file.close()


def test_a_line_that_did_not_fit_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, write = LogFile(tmp_path), os.write
    file.append(b"first\n")
    with monkeypatch.context() as full:
        full.setattr(os, "write", lambda to, data: write(to, data[:3]))
        with pytest.raises(OSError, match="part"):
            file.append(b"second\n")
    file.append(b"third\n")
    file.close()
    assert lines(tmp_path) == [b"first\n", b"third\n"]


def test_a_folder_that_cannot_be_written_to_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="WITHTHIS_SEARCH_LOG"):
        LogFile(tmp_path / "file" / "log")


def test_a_full_disk_is_counted_and_logged_once_and_the_log_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    disk, counted = Disk(), Counted()
    writer = LogWriter(disk, counted)
    disk.full = True
    writer.start()
    with caplog.at_level(logging.WARNING):
        assert all(writer.put([{"n": number}]) for number in range(5))
        writer.close()
        disk.full = False
        writer.start()
        writer.put([{"n": 5}, {"n": 6}])
        writer.close()
    assert counted == {"failed": 5, "written": 2}
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]
    assert [json.loads(line)["n"] for line in disk.lines if line != b"closed"] == [5, 6]


def test_a_slow_disk_costs_lines_and_never_waits() -> None:
    disk, counted = Disk(), Counted()
    writer = LogWriter(disk, counted, capacity=2)
    disk.gate.clear()
    writer.start()
    assert writer.put([{"n": 0}])
    assert disk.reached.wait(30)  # the thread holds this one, and the queue is empty
    assert [writer.put([{"n": n}, {"n": n}]) for n in (1, 2, 3)] == [True, True, False]
    disk.gate.set()
    writer.close()
    assert counted == {"dropped": 2, "written": 5}
    assert disk.lines[-1] == b"closed"

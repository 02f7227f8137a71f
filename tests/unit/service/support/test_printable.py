"""What a caller sends writes no line of its own into a log, and no control sequence reaches a terminal."""

from __future__ import annotations

import io
import json
import logging
import re
import subprocess
import sys
from pathlib import Path

import pytest
from pymilvus.exceptions import MilvusException
from rich.console import Console

import service.cli
from service.cli.console import plain, show_error, start
from service.cli.tables import _name
from service.errors import StoreUnavailable, UnknownProduct
from service.server.observability.request_log import JsonFormatter, LineFormatter, TextFormatter, request_id
from service.stores.milvus import connection
from service.support.printable import printable
from service.wire.search import ProductOut, ResultOut, ScoresOut

NASTY = "x\n2026-11-28 ERROR forged\r\x1b[31mred\x1b]0;title\x07\x9b2J\x7f\u2028\u202eturned\ud800\t"
HIDDEN = {"\n", "\r", "\x1b", "\x07", "\x9b", "\x7f", "\u2028", "\u202e", "\ud800", "\t"}


def record(message: str, error: Exception | None = None) -> logging.LogRecord:
    try:
        if error is not None:
            raise error
        info = None
    except Exception:
        info = sys.exc_info()
    return logging.LogRecord("service.test", logging.ERROR, __file__, 1, "GET %s", (message,), info)


def test_plain_text_stays_as_it_is() -> None:
    for text in ("Leopard case", "Größe 36½ – 豹纹 🐆 é", "C:\\temp", "مرحبا"):
        assert printable(text) == text
    assert printable(NASTY, keep="\n").count("\n") == 1


def test_a_message_is_one_line_and_a_traceback_cannot_pass_for_another() -> None:
    line = TextFormatter().format(record(NASTY))
    assert not HIDDEN & set(line) and "\\n2026-11-28 ERROR forged\\r\\u001b[31mred" in line
    first, *others = TextFormatter().format(record("a", ValueError(NASTY))).split("\n")
    assert first == "GET a" and all(other.startswith("  ") for other in others)
    assert not HIDDEN & set("".join(others))


def test_a_line_of_a_file_has_time_level_and_the_id_of_its_request() -> None:
    token = request_id.set("shop-7")
    try:
        line = LineFormatter().format(record("a" * 200))
    finally:
        request_id.reset(token)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00 ERROR GET a{200} \[shop-7\]", line)


def test_only_a_terminal_wraps_the_log(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    start()
    logging.getLogger("service.test").warning("a" * 500)
    assert capsys.readouterr().err.endswith(f"WARNING {'a' * 500}\n")


def test_lines_of_json_stay_json() -> None:
    line = JsonFormatter().format(record(NASTY, ValueError(NASTY)))
    assert not HIDDEN & set(line)
    assert json.loads(line)["message"] == f"GET {NASTY}"


def test_titles_move_nothing_in_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    product = ProductOut(id=NASTY, title=f"[red]{NASTY}", category=None, price=None, attributes={}, image_url=None)
    scores = ScoresOut(retrieval=1.0, rerank=None, fused=None, hybrid=None)
    terminal = Console(file=io.StringIO(), force_terminal=True, color_system=None, width=500)
    terminal.print(_name(ResultOut(rank=1, retrieval_rank=1, product=product, scores=scores, duplicates=[])))
    monkeypatch.setattr("service.cli.console.err", terminal)
    show_error(UnknownProduct(f"No {NASTY}.\nSecond line."))
    printed = terminal.file.getvalue()  # type: ignore[attr-defined]
    assert not (HIDDEN - {"\n"}) & set(printed)
    assert "[red]x\\n2026" in printed and "\nSecond line." in printed


def test_all_commands_print_text_from_outside_by_one_function() -> None:
    users = [path.name for path in Path(service.cli.__file__).parent.glob("*.py") if "rich.markup" in path.read_text()]
    assert users == ["console.py"]
    assert plain(Path("a[b]")) == "a\\[b]"


def test_what_milvus_says_goes_into_the_log_without_filters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection.Connection, "_connected", lambda self: None)
    said = 'failed to create query plan: cannot parse expression: category == "private words" and price > 3, error: x'
    for error in (MilvusException(message=said), MilvusException(message="field 'private words' at \"private words")):
        with (
            pytest.raises(StoreUnavailable) as raised,
            connection.Connection("http://x", token=None, timeout_s=1).open(),
        ):
            raise error
        line = TextFormatter().format(record("a", raised.value))
        assert "private" not in line and "price > 3" not in line and "MilvusException" in line


def test_a_store_writes_no_log_of_its_own_whenever_it_is_imported() -> None:
    """pymilvus sets its loggers up when it is imported, which is after ours were."""
    program = """import logging
from service.cli.console import start
start()
import service.stores.milvus.milvus_store
from pymilvus import decorators
from pymilvus.client import connection_manager
from pymilvus.milvus_client import milvus_client
for module in (decorators.LOGGER, connection_manager.logger, milvus_client.logger):
    assert not module.isEnabledFor(logging.ERROR), module
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)

"""An outage is told of with a traceback now and then, whatever the number of requests that meet it."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from service.errors import StoreUnavailable
from service.server import problems
from service.server.outages import Outages
from tests.conftest import open_client
from tests.fakes import make_shop


def test_each_kind_of_outage_is_news_once_in_a_while() -> None:
    seldom, always = Outages(every_s=1e9), Outages(every_s=0.0)
    assert [seldom.is_new(kind) for kind in ("store", "store", "images", "store")] == [True, False, True, False]
    assert all(always.is_new("store") for _ in range(3))


def test_one_traceback_for_many_requests(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(problems, "_OUTAGES", Outages(every_s=1e9))
    shop = make_shop(tmp_path)
    shop.store.failure = StoreUnavailable()
    with caplog.at_level(logging.ERROR), open_client(shop) as client:
        for _ in range(5):
            assert client.get("/readyz").status_code == 503
    told = [record for record in caplog.records if record.name == problems.logger.name]
    assert [record.exc_info is not None for record in told] == [True, False, False, False, False]

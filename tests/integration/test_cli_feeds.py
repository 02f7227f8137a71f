"""`withthis index` of feeds that cannot be read: two lines that say why, and exit status 1."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from service.cli import index as index_module
from service.cli import main
from tests.fakes import FakeEncoder

FEEDS: dict[str, bytes | None] = {
    "missing.csv": None,
    "empty.csv": b"",
    "no-image.csv": b"id,title\n1,Mug\n",
    "latin-1.csv": "id;Maße;image\n1;2;a.png\n".encode("cp1252"),
    "doubled.csv": b"id,image,image\n1,a.png,b.png\n",
    "broken.json": b"[{",
    "text.json": b'"text"',
    "broken.parquet": b"PAR1 and no more",
    "feed.docx": b"PK",
}


@pytest.mark.parametrize("name", FEEDS)
def test_a_feed_that_cannot_be_read_ends_with_status_1(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WITHTHIS_STORE_URI", "exact:")
    monkeypatch.setattr(index_module, "load_patient_encoder", lambda settings: FakeEncoder())
    content = FEEDS[name]
    if content is not None:
        Path(name).write_bytes(content)
    monkeypatch.setattr(sys, "argv", ["withthis", "index", name])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    said = capsys.readouterr().err
    assert "The feed cannot be read" in said and "Traceback" not in said

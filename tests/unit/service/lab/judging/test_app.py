"""The page's server: pairs without a word on their runs, grades on disk at once, and no way in for other websites."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient
from PIL import Image

from service.lab.datasets import load_dataset
from service.lab.judging.app import create_judging_app
from service.lab.judging.judges import Judge, read_judge
from service.lab.judging.notes import Note, read_notes
from service.lab.judging.pool import pooled
from service.lab.judging.record import JudgmentRecord
from service.lab.judging.scale import SCALE, Point
from service.lab.judging.session import Session
from service.lab.trec import read_qrels, write_run
from tests.unit.service.lab.bench_fakes import write_set
from tests.unit.service.lab.sets import run

PORT = 8010
HOME = f"http://127.0.0.1:{PORT}"
PAIRS = 5


@pytest.fixture
def record(tmp_path: Path) -> Iterator[JudgmentRecord]:
    with JudgmentRecord(tmp_path / "judged.qrels") as opened:
        yield opened


@pytest.fixture
def session(tmp_path: Path, record: JudgmentRecord) -> Session:
    """Two runs over two queries: five pairs."""
    write_set(tmp_path / "set")
    (tmp_path / "set" / "judgments.jsonl").unlink()
    data = load_dataset("jsonl", tmp_path / "set", judged=False)
    for name, rankings in (("a", {"q0": ["d1", "d2", "d3"]}), ("b", {"q0": ["d2", "d4"], "q1": ["d5"]})):
        write_run(tmp_path / f"{name}.run", run(rankings, name="secret"))
    return Session("fakes", pooled(data, [tmp_path / "a.run", tmp_path / "b.run"]), record)


@pytest.fixture
def client(session: Session) -> Iterator[TestClient[Any]]:
    app = create_judging_app(session, port=PORT)
    with TestClient(app, base_url=HOME, raise_server_exceptions=False) as opened:
        yield opened


def test_a_sitting_from_the_first_grade_to_the_last(client: TestClient[Any], session: Session, tmp_path: Path) -> None:
    pool = client.get("/pool").json()
    assert (pool["pairs"], pool["judged"], pool["next"], pool["last"]) == (PAIRS, 0, 0, None)
    assert [point["grade"] for point in pool["scale"]] == [point.grade for point in SCALE]
    number: int | None = 0
    for done in range(1, PAIRS + 1):
        answer = client.put(f"/pairs/{number}/grade", json={"grade": done % 4})
        assert answer.status_code == 200
        assert (answer.json()["judged"], answer.json()["last"]) == (done, number)
        assert sum(map(len, read_qrels(tmp_path / "judged.qrels").values())) == done
        number = answer.json()["next"]
    assert number is None
    undone = client.delete("/pairs/4/grade").json()
    assert (undone["judged"], undone["next"], undone["last"]) == (PAIRS - 1, 4, 3)
    assert client.get("/pairs/4").json()["grade"] is None
    again = client.put("/pairs/0/grade", json={"grade": 3}).json()
    assert (again["judged"], again["next"], again["last"]) == (PAIRS - 1, 4, 0)
    grades = {pair.ids: session.record.grade(pair.ids) for pair in (session.pair(0), session.pair(4)) if pair}
    assert list(grades.values()) == [3, None]


def test_a_note_is_kept_with_the_grade_and_after_it(client: TestClient[Any], session: Session) -> None:
    pair = session.pair(1)
    assert pair is not None and client.get("/pairs/1").json()["note"] == ""
    client.put("/pairs/1/grade", json={"grade": 2, "note": "The wrong blue."})
    assert client.get("/pairs/1").json()["note"] == "The wrong blue."
    client.delete("/pairs/1/grade")
    shown = client.get("/pairs/1").json()
    assert (shown["grade"], shown["note"]) == (None, "The wrong blue.")
    noted = read_notes(session.record.path)[pair.ids]
    assert (noted.grade, noted.note, noted.seen) == (None, "The wrong blue.", None)
    assert client.put("/pairs/1/grade", json={"grade": 2, "note": "x" * 2001}).status_code == 400


def test_an_own_scale_and_guidelines_are_shown_and_no_other_grade_is_taken(session: Session) -> None:
    pairs = [pair for number in range(PAIRS) if (pair := session.pair(number))]
    scale = (Point(0, "No", "Not that."), Point(5, "Yes", "That."))
    own = Session("own", pairs, session.record, judge="anna", scale=scale, guidelines="Look twice.")
    with TestClient(create_judging_app(own, port=PORT), base_url=HOME) as client:
        pool = client.get("/pool").json()
        assert (pool["judge"], pool["guidelines"]) == ("anna", "Look twice.")
        assert pool["scale"][1] == {"grade": 5, "name": "Yes", "meaning": "That."}
        assert client.put("/pairs/0/grade", json={"grade": 5}).status_code == 200
        assert client.put("/pairs/1/grade", json={"grade": 3}).status_code == 400


def test_a_suggestion_names_its_judge_and_is_remembered(session: Session) -> None:
    pairs = [pair for number in range(PAIRS) if (pair := session.pair(number))]
    ids = pairs[0].ids
    reason = Note(query=ids[0], document=ids[1], grade=1, note="Only the motif.", model="tiny")
    own = Session("own", pairs, session.record, suggesting=Judge("vlm", {ids: 1}, {ids: reason}))
    with TestClient(create_judging_app(own, port=PORT), base_url=HOME) as client:
        suggestion = {"judge": "vlm", "model": "tiny", "grade": 1, "reason": "Only the motif."}
        assert client.get("/pairs/0").json()["suggestion"] == suggestion
        assert client.get("/pairs/1").json()["suggestion"] is None
        for number in (0, 1):
            client.put(f"/pairs/{number}/grade", json={"grade": 2})
    assert session.record.grade(ids) == 2
    session.forget(pairs[0])
    session.judge(pairs[0], 2)  # now without suggestions, but it was seen
    seen = [note.seen for pair in pairs[:2] if (note := session.record.note(pair.ids))]
    assert seen == ["vlm", None]
    assert read_judge(session.record.path).independent == {pairs[1].ids: 2}


def test_a_later_sitting_goes_on_where_the_first_one_ended(session: Session, client: TestClient[Any]) -> None:
    for number in (0, 1, 3):
        client.put(f"/pairs/{number}/grade", json={"grade": 1})
    session.record.close()
    with JudgmentRecord(session.record.path) as reopened:
        found = [pair for number in range(PAIRS) if (pair := session.pair(number))]
        progress = Session("later", found, reopened).progress()
    assert (progress.judged, progress.next, progress.last) == (3, 2, 3)


def test_a_pair_shows_what_is_judged_and_nothing_of_the_runs(client: TestClient[Any]) -> None:
    answer = client.get("/pairs/0")
    shown = answer.json()
    assert shown["query"]["text"].startswith("a mug with this")
    assert shown["product"]["title"].startswith("Product")
    assert set(shown) == {"number", "query", "product", "grade", "note", "suggestion"}
    assert shown["suggestion"] is None
    for secret in ("secret", "rank", "run", "score"):
        assert secret not in answer.text
    for side in ("query", "product"):
        image = client.get("/pairs/0/image", params={"side": side})
        assert image.headers["content-type"] == "image/webp"
        assert Image.open(io.BytesIO(image.content)).size[0] > 0


@pytest.mark.parametrize(
    "body", [{"grade": 4}, {"grade": -1}, {"grade": 1.5}, {"grade": "x"}, {}, [1], {"grade": 1, "x": 1}]
)
def test_what_is_no_grade_is_refused(client: TestClient[Any], tmp_path: Path, body: object) -> None:
    assert client.put("/pairs/0/grade", json=body).status_code == 400
    assert not (tmp_path / "judged.qrels").exists()


@pytest.mark.parametrize("path", ["/pairs/5", "/pairs/-1", "/pairs/99999999999999999999", "/pairs/5/image?side=query"])
def test_only_pairs_of_the_pool_are_served(client: TestClient[Any], path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "path", ["/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py", "/pairs/..%2f/image"]
)
def test_no_path_leads_out_of_the_page(client: TestClient[Any], path: str) -> None:
    assert client.get(path).status_code == 404


def test_an_image_that_was_lost_meanwhile_is_one_problem(client: TestClient[Any], tmp_path: Path) -> None:
    for path in (tmp_path / "set").glob("*.png"):
        path.unlink()
    assert client.get("/pairs/0/image?side=query").status_code == 422


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": f"evil.example:{PORT}"},
        {"Host": "127.0.0.1:80"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:8000"},
    ],
)
def test_other_websites_change_nothing(client: TestClient[Any], tmp_path: Path, headers: dict[str, str]) -> None:
    for method, body in (("PUT", {"grade": 3}), ("DELETE", None)):
        assert client.request(method, "/pairs/0/grade", json=body, headers=headers).status_code == 403
    assert not (tmp_path / "judged.qrels").exists()
    if "Host" in headers:
        assert client.get("/pairs/0", headers=headers).status_code == 403


def test_forms_and_preflights_of_other_websites_lead_nowhere(client: TestClient[Any]) -> None:
    assert client.post("/pairs/0/grade", data={"grade": "3"}).status_code == 405
    asked = client.options("/pairs/0/grade", headers={"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in asked.headers


def test_own_requests_pass_under_every_name_of_this_machine(client: TestClient[Any]) -> None:
    for name in ("127.0.0.1", "localhost", "[::1]"):
        home = f"{name}:{PORT}"
        headers = {"Host": home, "Origin": f"http://{home}"}
        assert client.put("/pairs/0/grade", json={"grade": 1}, headers=headers).status_code == 200


def test_every_answer_is_kept_to_itself(client: TestClient[Any]) -> None:
    for path in ("/", "/static/judge/app.js", "/static/css/base.css", "/static/js/dom.js", "/pool", "/nowhere"):
        answer = client.get(path)
        policy = answer.headers["content-security-policy"]
        assert "unsafe" not in policy and "img-src 'self' data:;" in policy
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.status_code == (404 if path == "/nowhere" else 200)

"""A store under load on a disk that fills and empties, killed again and again: what was acknowledged is there."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from service.build import open_store
from service.settings import Settings
from tests.disks import SmallDisk, small_disk
from tests.integration.durable_load import DELETED
from tests.integration.records import INFO

ROOT = Path(__file__).parents[2]
PATIENCE_S = 300
State = dict[str, str]


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("rounds", [pytest.param(2, marks=pytest.mark.slow), pytest.param(25, marks=pytest.mark.soak)])
@pytest.mark.parametrize("place", ["milvus.db", "exact:store.jsonl"])
def test_nothing_acknowledged_is_lost_and_no_reader_fails(tmp_path: Path, place: str, rounds: int) -> None:
    chance, state = random.Random(rounds), State()
    scheme, _, name = place.rpartition(":")
    with small_disk(tmp_path / "disk", 128) as disk:
        uri = f"{scheme}{':' if scheme else ''}{(disk.folder if disk else tmp_path) / name}"
        for round in range(rounds):
            journal = tmp_path / f"journal-{round}"
            killed_in_the_middle(uri, journal, disk, chance, round)
            lines = [line.split() for line in journal.read_text().splitlines()]
            assert [line for line in lines if line[0] == "failed"] == []
            found = rows(uri)
            for id, values in allowed(state, lines).items():
                assert found.get(id, DELETED) in values, (round, id)
            state = found


def killed_in_the_middle(uri: str, journal: Path, disk: SmallDisk | None, chance: random.Random, seed: int) -> None:
    """Run the load for a while, fill the disk and empty it, then kill the process at any moment."""
    command = [sys.executable, "-m", "tests.integration.durable_load", uri, str(journal), str(seed)]
    with subprocess.Popen(command, cwd=ROOT) as process:
        try:
            patience = time.monotonic() + PATIENCE_S
            while not journal.exists() or "done" not in journal.read_text():
                assert process.poll() is None and time.monotonic() < patience
                time.sleep(0.05)
            for _ in range(chance.randrange(1, 6)):
                if disk is not None:
                    disk.fill(leave=chance.choice([0, 5_000, 100_000, 17 * 2**20]))
                time.sleep(chance.uniform(0.05, 0.5))
                if disk is not None and chance.random() < 0.8:
                    disk.empty()
                time.sleep(chance.uniform(0.05, 0.3))
        finally:
            process.kill()
    if disk is not None:
        disk.empty()


def allowed(before: State, lines: list[list[str]]) -> dict[str, set[str]]:
    """What may be found under each id: what was acknowledged last, or what was tried after that."""
    values = {id: {value} for id, value in before.items()}
    for what, id, value in (line for line in lines if line[0] != "failed"):
        values[id] = {value} if what == "done" else values.get(id, {DELETED}) | {value}
    return values


def rows(uri: str) -> State:
    """Titles by product, read by another process than the one that was killed."""
    store = open_store(Settings(_env_file=None, store_uri=uri))
    try:
        store.ensure(INFO)
        ids = [state.id for page in store.scan() for state in page]
        return {row.product_id: row.product.title for row in store.fetch(ids)}
    finally:
        store.close()

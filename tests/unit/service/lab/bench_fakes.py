"""A small judged data set on disk, and models that count what they are asked."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from rerank.engines.engine import EngineRequest, Generation
from service.cli.setups import SettingsOverlay
from service.lab.datasets import load_dataset
from service.lab.experiment import Experiment, read_experiment
from service.lab.judged import DataSet
from service.lab.models import Models
from service.lab.run_folder import RunFolder
from service.lab.runner import Results, run_experiment
from service.lab.setup import Setup
from service.settings import Settings
from tests.fakes import FakeEncoder, png
from tests.unit.rerank.fakes import LEOPARD, FakeEngine

DOCUMENTS, QUERIES = 14, 6

EXPERIMENT = """
name: fakes
data: {kind: jsonl, path: .}
measures: [nDCG@5, R@5]
k: 10
configurations:
  - {name: retrieval, rerank_enabled: false}
  - {name: listwise, strategy: listwise, fusion_weight: 1.0}
  - {name: half, strategy: listwise, fusion_weight: 0.5}
  - {name: none, strategy: listwise, fusion_weight: 0.0}
  - {name: single, strategy: single-token, fusion_weight: 0.5, fusion_method: scores}
composition: false
"""


def reversed_order(request: EngineRequest) -> Generation:
    """The last candidate first."""
    text = json.dumps({"ranking": list(reversed(request.labels)), "reason": "1 < 2 & 3 > 2"})
    return Generation(text, "stop", None, prompt_tokens=100, generated_tokens=20)


def logits_of(request: EngineRequest) -> tuple[float, ...]:
    """Higher for later candidates."""
    return tuple(float(place) for place in range(len(request.labels)))


def fake_engine() -> FakeEngine:
    """Captions everything alike, ranks backwards, and can score."""
    return FakeEngine(answer=reversed_order, caption=LEOPARD, logits=logits_of).scoring()


class Counting:
    """Loaders for `Models` that count loads, and one encoder and engine behind them."""

    def __init__(self) -> None:
        self.encoder, self.engine = FakeEncoder(), fake_engine()
        self.encoders_loaded = self.engines_loaded = 0

    def models(self, folder: Path) -> Models:
        """Models that hand out the fakes."""
        return Models(folder, load_encoder=self._load_encoder, load_engine=self._load_engine)

    def _load_encoder(self, setup: Setup) -> FakeEncoder:
        self.encoders_loaded += 1
        return self.encoder

    def _load_engine(self, setup: Setup) -> FakeEngine:
        self.engines_loaded += 1
        return self.engine

    @property
    def rank_calls(self) -> int:
        """Generating rank calls."""
        return sum(bool(request.labels) for request in self.engine.asked)

    @property
    def captions(self) -> int:
        """Caption calls."""
        return sum(not request.labels for request in self.engine.asked)


def write_set(folder: Path, *, title: str = "Product") -> None:
    """Fourteen products and six queries in our own format; every query has one good and one fair product."""
    folder.mkdir(parents=True, exist_ok=True)
    rows: dict[str, list[dict[str, object]]] = {"documents": [], "queries": [], "judgments": []}
    for number in range(DOCUMENTS):
        (folder / f"d{number}.png").write_bytes(png(f"hsl({number * 23}, 70%, 50%)"))
        rows["documents"].append({"id": f"d{number}", "title": f"{title} {number}", "image": f"d{number}.png"})
    for number in range(QUERIES):
        (folder / f"q{number}.png").write_bytes(png(f"hsl({number * 23}, 70%, 40%)"))
        tags = [f"task:{'even' if number % 2 == 0 else 'odd'}"]
        text = f"a mug with this {number}"
        rows["queries"].append({"id": f"q{number}", "text": text, "image": f"q{number}.png", "tags": tags})
        for offset, grade in ((0, 3), (1, 1)):
            rows["judgments"].append({"query": f"q{number}", "document": f"d{number + offset}", "grade": grade})
    for name, lines in rows.items():
        (folder / f"{name}.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))


def prepared(folder: Path, text: str = EXPERIMENT, **settings: object) -> tuple[Experiment, DataSet]:
    """The data set and an experiment over it."""
    write_set(folder)
    path = folder / "experiment.yaml"
    path.write_text(text)
    base = SettingsOverlay(Settings(_env_file=None, **settings))  # type: ignore[arg-type]
    return read_experiment(path, base), load_dataset("jsonl", folder)


def run(
    experiment: Experiment,
    data: DataSet,
    out: Path,
    counting: Counting,
    *,
    stop_after: int | None = None,
    stop_in: str | None = None,
) -> Results:
    """Run it; something goes wrong after so many outcomes (`stop_after`), or at the first step of a piece of work
    (`stop_in`), as a kill would.
    """
    folder, told = RunFolder(out), 0

    def progress(work: str, done: int, total: int) -> None:
        nonlocal told
        told += total == len(data.queries) and done > 0
        if work == stop_in or (stop_after is not None and told >= stop_after):
            raise KeyboardInterrupt

    try:
        return run_experiment(experiment, data, folder, models=counting.models(folder.cache), progress=progress)
    finally:
        folder.close()


def without(experiment: Experiment, keep: Callable[[str], bool]) -> Experiment:
    """The experiment with some of its configurations."""
    return replace(experiment, configurations=tuple(one for one in experiment.configurations if keep(one.name)))

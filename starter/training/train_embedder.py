"""Train the starter embedder: `python -m starter.training.train_embedder [--steps N]`; resumable.

Loss: symmetric InfoNCE (arXiv 1807.03748) between queries of five kinds and their products, with a learned temperature
and with false negatives (other products that answer the query as well) masked out; plus the same between names and
motif images. A checkpoint is written every `SAVE_EVERY` steps, and the next start resumes from it.
"""

import argparse
import math
import random
import time
from functools import partial
from pathlib import Path

import torch
from rich.console import Console
from torch import Tensor, nn
from torch.nn import functional

from starter.backbone import Backbone
from starter.composer import Composer
from starter.embedder import read_weights
from starter.tokenizer import WordPieces
from starter.training import phrases
from starter.training.class_names import embed_class_names
from starter.training.evaluation import retrieval_report
from starter.training.prepare import CACHE
from starter.training.schedule import cosine
from starter.training.training_images import BatchSampler, Concept, Query, TrainingImages, kept_for_reranker
from starter.training.weights import export

TARGETS = 96
NAMED = 128
CLOSER = 0.3
"""Share of queries' images that are seen by their middle; products are seen both ways."""
SAVE_EVERY, EVALUATE_EVERY = 100, 200
TUNING_PEAK = 0.4
WEIGHTS = Path(__file__).parents[1] / "weights" / "embedder.safetensors"
_console = Console(width=140)


class Trainer:
    """Model, optimizer and data of one training run."""

    def __init__(self, steps: int, seed: int = 5, peak: float = 1.0) -> None:
        torch.manual_seed(seed)
        self.steps, self.step = steps, 0
        self.images = TrainingImages(CACHE / "train", CACHE / "features-train")
        self.sampler = BatchSampler(self.images, TARGETS, seed)
        self.tokenizer = WordPieces()
        self.model = Composer()
        tower = self.model.images
        tower.take_head(Backbone().head)
        tower.class_names.data = embed_class_names(self.model, self.tokenizer)
        self.log_scale = nn.Parameter(torch.tensor(math.log(20.0)))
        self.begun: dict[str, Tensor] = {}
        self.optimiser = torch.optim.AdamW(self._groups(), betas=(0.9, 0.98))
        rate = partial(cosine, steps=steps, warm_up=100, peak=peak)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimiser, rate)

    def _groups(self) -> list[dict[str, object]]:
        low_rank = [p for n, p in self.model.named_parameters() if p.requires_grad and n.startswith("bert.")]
        return [
            {"params": list(self.model.images.parameters()), "lr": 1e-3, "weight_decay": 0.02},
            {"params": low_rank, "lr": 4e-4, "weight_decay": 0.0},
            {"params": [self.log_scale], "lr": 1e-3, "weight_decay": 0.0},
        ]

    def _text(self, texts: list[str]) -> tuple[Tensor, Tensor]:
        ids, mask, _ = self.tokenizer.batch(texts, 40)
        return ids, mask

    def _encode(self, queries: list[Query], tokens: Tensor, place: dict[int, int]) -> Tensor:
        """Encode queries of mixed kinds, one pass a kind; rows come back in the order of `queries`."""
        kinds: dict[tuple[bool, bool], list[int]] = {}
        for row, query in enumerate(queries):
            kinds.setdefault((query.image is not None, query.text is not None), []).append(row)
        rows, vectors = [], []
        for members in kinds.values():
            with_image = [place[p] for m in members if (p := queries[m].image) is not None]
            written = [text for m in members if (text := queries[m].text) is not None]
            ids, mask = self._text(written) if written else (None, None)
            vectors.append(self.model(tokens[with_image] if with_image else None, ids, mask))
            rows += members
        return torch.cat(vectors)[torch.tensor(rows).argsort()]

    def _contrast(self, a: Tensor, b: Tensor, false_negative: Tensor) -> Tensor:
        labels = torch.arange(len(a))
        with torch.autocast("cpu", enabled=False):
            scores = (a.float() @ b.float().T * self.log_scale.exp().clamp(max=100)).masked_fill(false_negative, -1e4)
            return (functional.cross_entropy(scores, labels) + functional.cross_entropy(scores.T, labels)) / 2

    def loss(self) -> Tensor:
        """One batch: query → product, and name → motif image."""
        targets, queries = self.sampler.sample()
        rng = self.sampler.rng
        motifs = list({q.concept: q.image for q in queries if q.text is None and q.image is not None}.values())
        motifs += [rng.choice(c.motifs) for c in self._more(NAMED - len(motifs), queries)]
        rows = list(dict.fromkeys([*(q.image for q in queries if q.image is not None), *motifs]))
        place = {row: k for k, row in enumerate(rows)}
        tokens = self.model.images(self.images.cells(rows, CLOSER, rng))
        products = self.model.blended(self.images.views(targets).through(self.model.images), None, None)
        found = self._encode(queries, tokens, place)
        answers = [(self.images.concept_of(row), self.images.rows[row]) for row in targets]
        also = torch.tensor([[q.accepts(*answer) for answer in answers] for q in queries]).fill_diagonal_(False)
        return self._contrast(found, products, also) + 0.5 * self._naming(motifs, tokens, place)

    def _more(self, count: int, queries: list[Query]) -> list[Concept]:
        used = {query.concept for query in queries}
        known = self.images.concepts.items()
        free = [c for name, c in known if name not in used and c.motifs and not kept_for_reranker(name)]
        return self.sampler.rng.sample(free, max(0, count))

    def _naming(self, motifs: list[int], tokens: Tensor, place: dict[int, int]) -> Tensor:
        rng = self.sampler.rng
        names = [phrases.named(self.images.name(row, rng), rng) for row in motifs]
        texts = self.model(None, *self._text(names))
        images = self.model(tokens[[place[row] for row in motifs]], None, None)
        concepts = [self.images.concept_of(row) for row in motifs]
        same = torch.tensor([[a == b for b in concepts] for a in concepts]).fill_diagonal_(False)
        return self._contrast(texts, images, same)

    def update(self) -> float:
        """One optimizer step; returns the loss."""
        with torch.autocast("cpu", torch.bfloat16):
            loss = self.loss()
        self.optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step()
        self.schedule.step()
        self.step += 1
        return float(loss.detach())

    def save(self, path: Path) -> None:
        """Checkpoint everything that the next start needs, atomically."""
        state = {
            "step": self.step, "model": self.model.trained_state(), "scale": self.log_scale.detach(),
            "optimiser": self.optimiser.state_dict(), "schedule": self.schedule.state_dict(), "begun": self.begun,
        }  # fmt: skip
        torch.save(state, path.with_suffix(".part"))
        path.with_suffix(".part").replace(path)

    def begin_with(self, path: Path) -> None:
        """Take weights that were exported; what this run exports is the mean of them and its own."""
        self.begun = read_weights(path)
        self.model.load_state_dict(self.begun, strict=False)
        self.log_scale.data.fill_(math.log(30.0))

    def resume(self, path: Path) -> None:
        """Go on from a checkpoint, with fresh batches."""
        state = torch.load(path, weights_only=True)
        self.model.load_state_dict(state["model"], strict=False)
        self.log_scale.data = state["scale"]
        self.optimiser.load_state_dict(state["optimiser"])
        self.schedule.load_state_dict(state["schedule"])
        self.step, self.begun = state["step"], state["begun"]
        self.sampler.rng = random.Random(self.step)


def main() -> None:
    """Train until `--steps` and export."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--tune", action="store_true", help="begin with the shipped weights, at a lower rate")
    options = parser.parse_args()
    steps = options.steps
    trainer, checkpoint = Trainer(steps, peak=TUNING_PEAK if options.tune else 1.0), CACHE / "embedder.ckpt"
    if checkpoint.exists():
        trainer.resume(checkpoint)
    elif options.tune:
        trainer.begin_with(WEIGHTS)
    development = TrainingImages(CACHE / "dev", CACHE / "features-dev")
    started, losses = time.monotonic(), []
    while trainer.step < steps:
        losses.append(trainer.update())
        if trainer.step % 20 == 0:
            spent, mean = time.monotonic() - started, sum(losses[-20:]) / len(losses[-20:])
            pace = spent / len(losses)
            left, scale = (steps - trainer.step) * pace / 60, trainer.log_scale.exp()
            _console.print(
                f"step {trainer.step}/{steps} loss {mean:.3f} scale {scale:.1f} {pace:.2f} s/step {left:.0f} min left"
            )
        if trainer.step % SAVE_EVERY == 0 or trainer.step == steps:
            trainer.save(checkpoint)
        if trainer.step % EVALUATE_EVERY == 0 or trainer.step == steps:
            _console.print(retrieval_report(trainer.model, trainer.tokenizer, development))
            export(trainer.model.trained_state(), trainer.begun, WEIGHTS)


if __name__ == "__main__":
    main()

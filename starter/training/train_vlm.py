"""Train the starter VLM: `python -m starter.training.train_vlm [--steps N]`; resumable.

The loss is of the order of each list, by its label scores: for every place in the best order a cross-entropy against
the candidates that remain there, weighted by their grades, as in ListNet (Cao et al. 2007).
"""

import argparse
import random
import time
from functools import partial
from pathlib import Path

import torch
from rich.console import Console
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from starter.embedder import StarterEmbedder, read_weights
from starter.training.lists import LIST, ListSampler, RankedList, Sights
from starter.training.prepare import CACHE
from starter.training.schedule import cosine
from starter.training.training_images import TrainingImages
from starter.training.weights import export
from starter.vlm.label_scorer import LabelScorer
from starter.vlm.model import Parts
from starter.vlm.sequence import Question, rank_prompt

LISTS = 24
SHARPNESS = 2.0
SAVE_EVERY, EVALUATE_EVERY = 100, 200
TUNING_PEAK = 0.5
WEIGHTS = Path(__file__).parents[1] / "weights" / "vlm.safetensors"
_console = Console(width=140)


class Trainer:
    """Model, optimizer and data of one training run."""

    def __init__(self, steps: int, seed: int = 9, peak: float = 1.0) -> None:
        torch.manual_seed(seed)
        self.steps, self.step = steps, 0
        self.embedder = StarterEmbedder.load()
        self.sights = sights("train", self.embedder)
        self.sampler = ListSampler(self.embedder, self.sights, seed)
        self.parts = Parts(self.embedder)
        self.begun: dict[str, Tensor] = {}
        self.eyes, self.decoder = self.parts.eyes, self.parts.decoder
        self.optimiser = torch.optim.AdamW(self.parts.parameters(), lr=1e-3, betas=(0.9, 0.98), weight_decay=0.02)
        rate = partial(cosine, steps=steps, warm_up=60, peak=peak)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimiser, rate)

    def _question(self, ranked: RankedList) -> Question:
        words = self.decoder.vocabulary.encode(ranked.query.text) if ranked.query.text else []
        image = None if ranked.query.image is None else self.sights.shown([ranked.query.image], self.eyes)
        return Question(image, words, ranked.composed, ranked.written, self.sights.offered(ranked.rows, self.eyes))

    def _order_loss(self, logits: Tensor, ranked: RankedList) -> tuple[Tensor, Tensor]:
        """Cross-entropy at the first place, and its mean over the others, of label logits [candidates]."""
        order = sorted(range(len(ranked.rows)), key=lambda place: -ranked.grades[place])  # by grade, then as shown
        wanted = (torch.tensor(ranked.grades) * SHARPNESS).exp().expand(len(order), -1).clone()
        used = torch.zeros(len(order), len(order), dtype=torch.bool)
        for step, place in enumerate(order):
            used[step + 1 :, place] = True
        wanted = wanted.masked_fill(used, 0.0)
        logs = logits.expand_as(wanted).masked_fill(used, -1e4).log_softmax(-1)
        losses = -(wanted / wanted.sum(1, keepdim=True) * logs).sum(1)
        return losses[0], losses[1:-1].mean() if len(order) > 2 else losses[0]

    def _rank_loss(self, lists: list[RankedList]) -> Tensor:
        prompts = [rank_prompt(self.eyes, self.decoder.tokens, self._question(ranked)) for ranked in lists]
        hidden = self._read([prompt for prompt, _ in prompts])
        first, others = [], []
        for row, (prompt, shown), ranked in zip(hidden, prompts, lists, strict=True):
            last = len(prompt) - 1
            pointers = self.decoder.pointers(row[last : last + 1].unsqueeze(0), row[shown.ends].unsqueeze(0))
            one, rest = self._order_loss((pointers[0, 0] + shown.prior).float(), ranked)
            first.append(one)
            others.append(rest)
        return torch.stack(first).mean() + 0.3 * torch.stack(others).mean()

    def _read(self, rows: list[Tensor]) -> Tensor:
        mask = pad_sequence([torch.ones(len(row)) for row in rows], batch_first=True)
        return self.decoder(pad_sequence(rows, batch_first=True), mask)

    def update(self) -> float:
        """One optimizer step; returns the loss."""
        with torch.autocast("cpu", torch.bfloat16):
            loss = self._rank_loss(self.sampler.sample(LISTS))
        self.optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(self.parts.parameters(), 1.0)
        self.optimiser.step()
        self.schedule.step()
        self.step += 1
        return float(loss.detach())

    def save(self, path: Path) -> None:
        """Checkpoint everything that the next start needs, atomically."""
        state = {
            "step": self.step, "parts": self.parts.state_dict(),
            "optimiser": self.optimiser.state_dict(), "schedule": self.schedule.state_dict(), "begun": self.begun,
        }  # fmt: skip
        torch.save(state, path.with_suffix(".part"))
        path.with_suffix(".part").replace(path)

    def begin_with(self, path: Path) -> None:
        """Take weights that were exported; what this run exports is the mean of them and its own."""
        self.begun = read_weights(path)
        self.parts.load_state_dict(self.begun)

    def resume(self, path: Path) -> None:
        """Go on from a checkpoint, with fresh lists."""
        state = torch.load(path, weights_only=True)
        self.parts.load_state_dict(state["parts"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.schedule.load_state_dict(state["schedule"])
        self.step, self.begun = state["step"], state["begun"]
        self.sampler.rng = random.Random(self.step)

    @torch.inference_mode()
    def report(self, lists: list[RankedList], development: Sights) -> str:
        """Development lists: share with a best answer first, as retrieved and by their scores."""
        own, self.sights = self.sights, development
        before, after, scorer = 0, 0, LabelScorer(self.decoder)
        for ranked in lists:
            prompt, shown = rank_prompt(self.eyes, self.decoder.tokens, self._question(ranked))
            scores = scorer(prompt, shown.ends) + shown.prior
            before += ranked.grades[0] == 3
            after += ranked.grades[int(scores.argmax())] == 3
        self.sights = own
        return f"development R@1 before {before / len(lists):.3f} after {after / len(lists):.3f} of {len(lists)} lists"


def sights(split: str, embedder: StarterEmbedder) -> Sights:
    """One split as the embedder sees it."""
    features = CACHE / f"features-{split}"
    return Sights(embedder, TrainingImages(CACHE / split, features), features)


def development_lists(embedder: StarterEmbedder, development: Sights) -> list[RankedList]:
    """Composed queries over the development products, with whole lists that hold an answer."""
    sampler = ListSampler(embedder, development, 3)
    found = [ranked for _ in range(12) for ranked in sampler.sample(40)]
    return [r for r in found if len(r.rows) == LIST and 3 in r.grades and r.query.text and r.query.image is not None]


def main() -> None:
    """Train until `--steps` and export."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=860)
    parser.add_argument("--tune", action="store_true", help="begin with the shipped weights, at a lower rate")
    options = parser.parse_args()
    steps = options.steps
    trainer, checkpoint = Trainer(steps, peak=TUNING_PEAK if options.tune else 1.0), CACHE / "vlm.ckpt"
    if checkpoint.exists():
        trainer.resume(checkpoint)
    elif options.tune:
        trainer.begin_with(WEIGHTS)
    development = sights("dev", trainer.embedder)
    lists = development_lists(trainer.embedder, development)
    started, losses = time.monotonic(), []
    while trainer.step < steps:
        losses.append(trainer.update())
        if trainer.step % 20 == 0:
            pace = (time.monotonic() - started) / len(losses)
            mean, left = sum(losses[-20:]) / len(losses[-20:]), (steps - trainer.step) * pace / 60
            _console.print(f"step {trainer.step}/{steps} loss {mean:.3f} {pace:.2f} s/step {left:.0f} min left")
        if trainer.step % SAVE_EVERY == 0 or trainer.step == steps:
            trainer.save(checkpoint)
        if trainer.step % EVALUATE_EVERY == 0 or trainer.step == steps:
            _console.print(trainer.report(lists, development))
            export(trainer.parts.state_dict(), trainer.begun, WEIGHTS)


if __name__ == "__main__":
    main()

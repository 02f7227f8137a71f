"""Phi-3 Vision as an engine: constrained ranking, and label scores in one forward pass."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any, Self

import torch
from PIL.Image import Image
from torch import Tensor

from rerank.deadline import check_deadline
from rerank.engines.decoding import AnswerEnd, answer_start, label_logits, permutation_spec, to_generation
from rerank.engines.engine import EngineInfo, EngineRequest, Generation
from rerank.engines.phi3_vision.checkpoint import DtypeName, Placement, load_model
from rerank.engines.phi3_vision.model import Phi3VisionForCausalLM
from rerank.engines.phi3_vision.processor import Phi3VisionProcessor
from rerank.engines.phi3_vision.quantization import Bits
from rerank.engines.phi3_vision.source import find
from rerank.engines.turn import Turns
from rerank.errors import EngineError
from rerank.labels import MAX_LABELS
from rerank.layout import PROMPTS, Layout
from rerank.permutation import PermutationLogitsProcessor, PermutationSpec

__all__ = ["Phi3VisionEngine"]

_Seen = dict[int, Tensor]
"""Encoded images of one call, by identity: the query image recurs in every pair."""


class Phi3VisionEngine:
    """Adapts the model to the `Engine` protocol; threads may share it, and take turns."""

    def __init__(
        self,
        model: Phi3VisionForCausalLM,
        processor: Phi3VisionProcessor,
        *,
        name: str = "phi3-vision",
        layout: Layout = "panel",
        max_candidates: int = MAX_LABELS,
        score_batch: int = 4,
    ) -> None:
        """Take loaded parts; `load` does that.

        Args:
            model: in evaluation mode.
            processor: its `num_crops` sets the resolution.
            name: model and revision.
            layout: the model was trained on single images first of all, hence the panel.
            max_candidates: up to twelve fill a panel of four by four cells next to the query, and at 16 crops every
                cell is a crop of its own; beyond that, each is seen at lower resolution.
            score_batch: prompts in one forward pass of `score`.
        """
        self._model, self._processor, self._score_batch = model, processor, score_batch
        self._turns = Turns()
        self._deadline: float | None = None
        self._longest = int(model.config.max_position_embeddings)
        self._info = EngineInfo(
            id=f"{name}:c{processor.num_crops}",
            layout=layout,
            max_candidates=max_candidates,
            label_scores=True,
            constrained=True,
            prompts=PROMPTS[layout],
            can_score=True,
        )
        for layer in (*model.model.layers, *model.model.vision_embed_tokens.img_processor.vision_model.encoder.layers):
            layer.register_forward_pre_hook(self._check)

    @classmethod
    def load(
        cls,
        path: Path | None = None,
        *,
        model: str | None = None,
        revision: str | None = None,
        device: Placement = "auto",
        dtype: DtypeName = "auto",
        quantized: Bits | None = None,
        num_crops: int = 16,
        **options: Any,
    ) -> Self:
        """Load published weights from a folder, or from the hub at one commit (see `source` and `checkpoint`).

        `options` go to the constructor. EngineError or OSError if there are no such weights.
        """
        source = find(path, model, revision)
        processor = Phi3VisionProcessor(source.folder / "tokenizer.json", num_crops)
        loaded = load_model(source.folder, device=device, dtype=dtype, quantized=quantized)
        return cls(loaded, processor, name=f"phi3-vision:{source.name}", **options)

    @property
    def info(self) -> EngineInfo:
        """The model's properties."""
        return self._info

    def generate(self, request: EngineRequest) -> Generation:
        """Answer one request; with labels the answer is a permutation of them, together with their first scores.

        Raises:
            EngineOverloaded: another call held the model until the deadline.
            EngineTimeout: the deadline passed while the model was running.
            EngineError: the request does not fit the model, or the machine failed.
        """
        with self._turn(request.deadline):
            return self._generate(request)

    def score(self, requests: Sequence[EngineRequest]) -> list[tuple[float, ...]]:
        """The logits of the labels behind `answer_prefix`, one row a request; raises as `generate` does."""
        deadlines = [request.deadline for request in requests if request.deadline is not None]
        with self._turn(min(deadlines, default=None)):
            return self._score(requests)

    def _generate(self, request: EngineRequest) -> Generation:
        spec = self._spec(request) if request.labels else None
        prefix = spec.prefix if spec else ()
        prompt = self._prompt(request, prefix, {}, request.max_new_tokens)
        steps = self._steps(spec) if spec else {}
        stop_ids = self._processor.stop_ids
        ids = self._model.answer(
            prompt,
            max_new_tokens=request.max_new_tokens,
            stop_ids=stop_ids,
            pad_id=self._processor.pad_id,
            **steps,
        )
        return to_generation(
            self._processor.tokenizer,
            ids,
            limit=request.max_new_tokens,
            prompt_tokens=len(prompt),
            prefix=prefix,
            stop_ids=stop_ids,
            label_scores=_first_scores(steps),
        )

    def _score(self, requests: Sequence[EngineRequest]) -> list[tuple[float, ...]]:
        seen: _Seen = {}
        rows = []
        for request in requests:
            if not request.labels:
                raise EngineError("only a request with labels can be scored")
            start, labels = answer_start(self._processor.tokenizer, request.labels, request.answer_prefix)
            rows.append((self._prompt(request, start, seen), labels))
        logits = [row for batch in self._batches([prompt for prompt, _ in rows]) for row in batch]
        return [label_logits(row, labels) for row, (_, labels) in zip(logits, rows, strict=True)]

    def _batches(self, prompts: Sequence[Tensor]) -> Iterator[Tensor]:
        """Logits [batch, vocabulary] of neighbors that share a pass: never across the switch of rope factors."""
        switch = self._model.config.original_max_position_embeddings
        for _, run in groupby(prompts, key=lambda prompt: len(prompt) > switch):
            alike = list(run)
            for start in range(0, len(alike), self._score_batch):
                yield self._model.next_logits(alike[start : start + self._score_batch])

    def _spec(self, request: EngineRequest) -> PermutationSpec:
        return permutation_spec(self._processor.tokenizer, request.labels, prefix=request.answer_prefix)

    def _steps(self, spec: PermutationSpec) -> dict[str, Any]:
        """The constraint for `generate`. The prefix is fixed, so it is read with the prompt and not decoded."""
        mask = PermutationLogitsProcessor(replace(spec, prefix=()), prompt_length=0)
        end = AnswerEnd(self._processor.tokenizer, len(mask.spec.pattern))
        return {"logits_processor": [mask], "stopping_criteria": [end]}

    def _prompt(self, request: EngineRequest, answer: Sequence[int], seen: _Seen, room: int = 1) -> Tensor:
        """The request as vectors [length, hidden size], with the beginning of the answer."""
        images = [self._see(image, seen) for image in request.images]
        ids = (*self._processor.encode(request.prompt.strip(), list(map(len, images))), *answer)
        if len(ids) + room > self._longest:
            raise EngineError(f"{len(ids)} tokens of prompt and images are too many for the model; use fewer crops")
        return self._model.embed(ids, images)

    def _see(self, image: Image, seen: _Seen) -> Tensor:
        if id(image) not in seen:
            check_deadline(self._deadline)
            seen[id(image)] = self._model.see(self._processor.cut(image))
        return seen[id(image)]

    @contextmanager
    def _turn(self, deadline: float | None) -> Iterator[None]:
        """Exclusive use of the model; whatever its libraries raise becomes an EngineError."""
        with self._turns.take(deadline), torch.inference_mode():
            self._deadline = deadline
            try:
                yield
            except (ArithmeticError, LookupError, OSError, RuntimeError, TypeError, ValueError) as error:
                raise EngineError("the model failed on this request; use fewer crops if memory ran out") from error
            finally:
                self._deadline = None

    def _check(self, *_: object) -> None:
        """Called before every layer: even the first pass over a long prompt stops soon after the deadline."""
        check_deadline(self._deadline)


def _first_scores(steps: Mapping[str, Any]) -> tuple[float, ...] | None:
    """The label scores that the constraint has seen at the first ranking step."""
    for mask in steps.get("logits_processor", ()):
        if mask.label_scores is not None:
            return tuple(mask.label_scores[0].tolist())
    return None

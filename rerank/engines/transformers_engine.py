"""Any image-text-to-text model of transformers with a chat template as an engine: SmolVLM, the Qwen-VL family, …"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from inspect import signature
from pathlib import Path
from typing import Any, Self

import torch
from PIL import Image
from transformers import AutoModelForImageTextToText, GenerationConfig, LogitsProcessorList, StoppingCriteriaList

from rerank.answer import ANSWER_PREFIX
from rerank.deadline import check_deadline
from rerank.engines.chat import Chat
from rerank.engines.decoding import (
    AnswerEnd,
    StopAtDeadline,
    answer_start,
    label_logits,
    permutation_spec,
    to_generation,
)
from rerank.engines.engine import EngineInfo, EngineRequest, Generation
from rerank.engines.processors import load_processor
from rerank.engines.turn import Turns
from rerank.errors import EngineError
from rerank.labels import MAX_LABELS, labels
from rerank.layout import PROMPTS, Layout
from rerank.permutation import PermutationLogitsProcessor, PermutationSpec

__all__ = ["TransformersEngine"]

_PLACEMENTS = {"auto", "balanced", "balanced_low_0", "sequential"}
"""How accelerate can distribute a model over the available devices."""

_TEXT_ROOM = 2048
"""Tokens kept free for the words of a rank prompt and its answer when candidates are shown one by one."""
_SAMPLE = (512, 512)
"""Size of the image by which the tokens of one candidate are estimated."""


class TransformersEngine:
    """A model and its processor behind the `Engine` protocol; threads may share it, and take turns.

    EngineError on construction if the checkpoint has no chat template for images, or its tokenizer cannot write
    the labels A…Z as one token each.
    """

    def __init__(
        self, model: Any, processor: Any, *, name: str, layout: Layout = "panel", max_candidates: int = MAX_LABELS
    ) -> None:
        self._model, self._chat, self._turns = model.eval(), Chat(processor), Turns()
        self._tokenizer = self._chat.tokenizer
        self._stop_ids = _stop_ids(model, self._chat)
        # The checkpoint's own sampling parameters are not used: the order is the most likely one.
        model.generation_config = GenerationConfig(  # type: ignore[no-untyped-call]
            do_sample=False, eos_token_id=sorted(self._stop_ids), pad_token_id=_padding(self._tokenizer, self._stop_ids)
        )
        self._spec = lru_cache(64)(self._new_spec)
        self._start = lru_cache(64)(self._new_start)
        self._spec(labels(MAX_LABELS), ANSWER_PREFIX)
        known = signature(model.forward).parameters
        self._last_only = {"logits_to_keep": 1} if "logits_to_keep" in known else {}
        self._context: int | None = getattr(model.config.get_text_config(), "max_position_embeddings", None)
        self._info = EngineInfo(
            id=name,
            layout=layout,
            max_candidates=max_candidates if layout == "panel" else min(max_candidates, self._room()),
            label_scores=True,
            constrained=True,
            prompts=PROMPTS[layout],
            can_score=True,
        )

    @classmethod
    def load(
        cls,
        model: str,
        *,
        revision: str | None = None,
        device: str = "auto",
        dtype: str = "auto",
        layout: Layout = "panel",
        max_candidates: int = MAX_LABELS,
    ) -> Self:
        """Load a checkpoint, a name on the hub or a folder, in safetensors. Code that comes with it is never run.

        Args:
            model: name or folder.
            revision: commit, tag or branch on the hub.
            device: a device, or a placement of accelerate ("auto" uses all available devices).
            dtype: "auto" (that of the files), "float32", "bfloat16", "float16".
            layout: how candidates are shown: one panel, or one image each.
            max_candidates: the most that one call ranks; fewer if as many images would not fit the context.

        Raises:
            OSError: the files are missing.
            EngineError: this is not such a model, or a required package is not installed.
        """
        processor, loaded = load_processor(model, revision), _load_model(model, revision, device, dtype)
        return cls(loaded, processor, name=_name(model, revision, loaded), layout=layout, max_candidates=max_candidates)

    @property
    def info(self) -> EngineInfo:
        """The model's properties and abilities."""
        return self._info

    def generate(self, request: EngineRequest) -> Generation:
        """Caption or answer freely without labels; with labels write a permutation of them, then a reason.

        The deadline is checked before the prompt is read and at every token; reading the prompt is one step.

        Raises:
            EngineOverloaded: another call held the model until the deadline.
            EngineTimeout: the deadline passed while the model was running.
            EngineError: the model cannot take the request: too long for it, or it failed.
        """
        with self._at_work(request.deadline):
            return self._rank(request) if request.labels else self._answer(request)

    def score(self, requests: Sequence[EngineRequest]) -> list[tuple[float, ...]]:
        """The logits of each request's labels where the first is due: one forward pass each; raises as `generate`."""
        return [self._scored(request) for request in requests]

    def _scored(self, request: EngineRequest) -> tuple[float, ...]:
        if not request.labels:
            raise EngineError("a request without labels has no scores")
        with self._at_work(request.deadline):
            start, ids = self._start(request.labels, request.answer_prefix)
            inputs = self._inputs(request, start, 0)
            logits = self._model(**inputs, use_cache=False, **self._last_only).logits
        return label_logits(logits[0, -1], ids)

    def _rank(self, request: EngineRequest) -> Generation:
        """The ids of the answer's beginning are read along with the prompt; from there on the mask decides."""
        spec = self._spec(request.labels, request.answer_prefix)
        inputs = self._inputs(request, spec.prefix, request.max_new_tokens)
        length, rest = inputs["input_ids"].shape[1], replace(spec, prefix=())
        mask = PermutationLogitsProcessor(rest, length)
        end = AnswerEnd(self._tokenizer, length + len(rest.pattern))
        ids = self._decoded(request, inputs, LogitsProcessorList([mask]), StoppingCriteriaList([end]))
        scores = None if mask.label_scores is None else tuple(mask.label_scores[0].tolist())
        return self._generation(request, ids, length, spec.prefix, scores)

    def _answer(self, request: EngineRequest) -> Generation:
        inputs = self._inputs(request, (), request.max_new_tokens)
        ids = self._decoded(request, inputs, LogitsProcessorList(), StoppingCriteriaList())
        return self._generation(request, ids, inputs["input_ids"].shape[1])

    def _decoded(
        self, request: EngineRequest, inputs: Any, masks: LogitsProcessorList, stops: StoppingCriteriaList
    ) -> list[int]:
        """The new ids of one greedy decoding."""
        rows = self._model.generate(
            **inputs,
            max_new_tokens=request.max_new_tokens,
            logits_processor=masks,
            stopping_criteria=StoppingCriteriaList([StopAtDeadline(request.deadline), *stops]),
        )
        new: list[int] = rows[0, inputs["input_ids"].shape[1] :].tolist()
        return new

    def _generation(
        self,
        request: EngineRequest,
        ids: Sequence[int],
        prompt_tokens: int,
        prefix: Sequence[int] = (),
        scores: tuple[float, ...] | None = None,
    ) -> Generation:
        return to_generation(
            self._tokenizer,
            ids,
            limit=request.max_new_tokens,
            prompt_tokens=prompt_tokens,
            prefix=prefix,
            stop_ids=self._stop_ids,
            label_scores=scores,
        )

    def _inputs(self, request: EngineRequest, answer: Sequence[int], room: int) -> Any:
        """The tensors of a request on the model's device. EngineError if they and `room` exceed its context."""
        inputs = self._chat.inputs(request.prompt, request.images, answer)
        length = inputs["input_ids"].shape[1]
        if self._context is not None and length + room > self._context:
            raise EngineError(
                f"{length} tokens of prompt and images and {room} of answer exceed the {self._context} of this model"
                ": show fewer candidates, or the panel"
            )
        return inputs.to(self._model.device, dtype=self._model.dtype)

    @contextmanager
    def _at_work(self, deadline: float | None) -> Iterator[None]:
        """Exclusive use of the model; whatever its libraries raise becomes an EngineError."""
        with self._turns.take(deadline), torch.inference_mode():
            check_deadline(deadline)
            try:
                yield
            except (ArithmeticError, LookupError, OSError, RuntimeError, TypeError, ValueError) as error:
                raise EngineError("the model failed on this request") from error

    def _new_spec(self, names: tuple[str, ...], prefix: str) -> PermutationSpec:
        return permutation_spec(self._tokenizer, names, prefix=self._chat.lead + prefix)

    def _new_start(self, names: tuple[str, ...], prefix: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
        return answer_start(self._tokenizer, names, self._chat.lead + prefix)

    def _room(self) -> int:
        """How many candidates fit the context as separate images, in addition to the query's; 1…26."""
        if self._context is None:
            return MAX_LABELS
        one, two = (self._chat.inputs("", [Image.new("RGB", _SAMPLE)] * count) for count in (1, 2))
        each: int = max(1, two["input_ids"].shape[1] - one["input_ids"].shape[1])
        return min(MAX_LABELS, max(1, (self._context - _TEXT_ROOM) // each - 1))


def _load_model(model: str, revision: str | None, device: str, dtype: str) -> Any:
    """The weights on their devices. OSError and EngineError as `TransformersEngine.load` says."""
    try:
        return AutoModelForImageTextToText.from_pretrained(
            model,
            revision=revision or "main",
            dtype=dtype,
            device_map=device if device in _PLACEMENTS else torch.device(device),
            trust_remote_code=False,
            use_safetensors=True,
        )
    except ValueError as error:
        raise EngineError("This checkpoint is not an image-text-to-text model of transformers.") from error
    except ImportError as error:
        raise EngineError("The weights of this checkpoint need a package that is not installed.") from error
    except (AssertionError, RuntimeError) as error:  # torch's errors for a missing device or too little memory
        raise EngineError(f"The model cannot be loaded on {device}: no such device, or not enough memory.") from error


def _stop_ids(model: Any, chat: Chat) -> frozenset[int]:
    """Every id that ends a turn: those of the checkpoint, that of the tokenizer, and that of the chat template."""
    named = (model.generation_config.eos_token_id, chat.tokenizer.eos_token_id, chat.turn_end)
    flat = (one for value in named for one in (value if isinstance(value, list) else [value]))
    return frozenset(one for one in flat if isinstance(one, int))


def _padding(tokenizer: Any, stop_ids: frozenset[int]) -> int | None:
    """The id behind a finished answer; any stop id will do if the tokenizer has none."""
    own: int | None = tokenizer.pad_token_id
    return own if own is not None else next(iter(sorted(stop_ids)), None)


def _name(model: str, revision: str | None, loaded: Any) -> str:
    """The engine's id: the model's name, of a folder its last part, with the commit that was loaded."""
    commit = getattr(loaded.config, "_commit_hash", None)
    short = Path(model).name if Path(model).exists() else model
    known = commit[:12] if commit else revision
    return f"{short}@{known}" if known else short

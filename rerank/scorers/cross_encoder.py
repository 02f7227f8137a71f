"""A trained reranker in this process: any `CrossEncoder` of sentence-transformers, which reads text, images or both.

Among them Qwen3-VL-Reranker, whose score is the sigmoid of the logit of "yes" less that of "no". The extra
`[sentence-transformers]` installs it.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import torch

from rerank.deadline import check_deadline
from rerank.engines.processors import without_torchvision
from rerank.engines.turn import Turns
from rerank.errors import EngineError
from rerank.scorers.scorer import Reads, ScorerInfo, Side, checked_scores

__all__ = ["CrossEncoderScorer"]

BATCH = 8
"""Pairs of one forward pass; between passes the deadline is looked at."""


class CrossEncoderScorer:
    """A loaded `CrossEncoder` as a `PairScorer`; threads take turns.

    Its own chat template, prompts and pooling are used. EngineError on construction if it gives more than one score.
    """

    def __init__(self, model: Any, *, name: str, batch: int = BATCH) -> None:
        if model.num_labels != 1:
            raise EngineError(f"the cross-encoder gives {model.num_labels} scores for a pair; a reranker gives one")
        self._model, self._batch, self._turns = model, batch, Turns()
        self._sigmoid = torch.nn.Sigmoid()
        reads = _reads(model)
        # Only a chat template has a place for an instruction; elsewhere it would become a part of the query.
        self._info = ScorerInfo(name, reads, reads, instructable=bool(model.supports("message")))

    @classmethod
    def load(
        cls,
        model: str,
        *,
        revision: str | None = None,
        device: str = "cpu",
        dtype: str = "auto",
        batch: int = BATCH,
    ) -> Self:
        """Load a checkpoint, a name on the hub or a folder, in safetensors. Code that comes with it is never run.

        Args:
            model: name or folder.
            revision: commit, tag or branch on the hub.
            device: a device of torch.
            dtype: "auto" (that of the files), "float32", "bfloat16", "float16".
            batch: pairs of one forward pass.

        Raises:
            ImportError: sentence-transformers 6 is not installed.
            OSError: the files are missing.
            EngineError: this is not such a model, or a required package is not installed.
        """
        from sentence_transformers import CrossEncoder  # noqa: PLC0415 (an extra)

        try:
            with without_torchvision():
                loaded = CrossEncoder(
                    model,
                    revision=revision,
                    device=device,
                    trust_remote_code=False,
                    model_kwargs={"dtype": dtype, "use_safetensors": True},
                )
        except ImportError as error:
            raise EngineError("The processor of this reranker needs a package that is not installed.") from error
        except (KeyError, TypeError, ValueError) as error:
            raise EngineError("This checkpoint is not a reranker of sentence-transformers.") from error
        except (AssertionError, RuntimeError) as error:  # torch's errors for a missing device or too little memory
            raise EngineError(
                f"The model cannot be loaded on {device}: no such device, or not enough memory."
            ) from error
        short = Path(model).name if Path(model).exists() else model
        return cls(loaded.eval(), name=f"{short}@{revision}" if revision else short, batch=batch)

    @property
    def info(self) -> ScorerInfo:
        """The model's properties."""
        return self._info

    def score(
        self, query: Side, documents: Sequence[Side], instruction: str, deadline: float | None = None
    ) -> list[float]:
        """See `PairScorer.score`; several pairs in one forward pass."""
        scores: list[float] = []
        reads = self._info.query
        asked = _input(query, reads)
        with self._turns.take(deadline):
            for start in range(0, len(documents), self._batch):
                check_deadline(deadline)
                pairs = [(asked, _input(document, reads)) for document in documents[start : start + self._batch]]
                scores += self._predicted(pairs, instruction)
        check_deadline(deadline)
        return checked_scores(scores, len(documents))

    def _predicted(self, pairs: list[Any], instruction: str) -> list[float]:
        try:
            found = self._model.predict(
                pairs,
                prompt=instruction if self._info.instructable else None,
                batch_size=self._batch,
                show_progress_bar=False,
                activation_fn=self._sigmoid,
            )
        except (ArithmeticError, LookupError, OSError, RuntimeError, TypeError, ValueError) as error:
            raise EngineError("the reranker failed on this request") from error
        return [float(score) for score in found]


def _reads(model: Any) -> Reads:
    if model.supports(("image", "text")):
        return "both"
    return "either" if model.supports("image") else "text"


def _input(side: Side, reads: Reads) -> Any:
    """One side as sentence-transformers takes it. It opens a bare text that is the path or URL of an image."""
    if reads == "text":
        return side.text
    parts = {"text": side.text} if side.text or side.image is None else {}
    return parts | ({} if side.image is None else {"image": side.image})

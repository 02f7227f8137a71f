"""The encoder on a machine with GPUs, for a process that may have none."""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import ray

from rerank.query import Query
from service.catalog.distributed.cluster import EncoderPool
from service.catalog.distributed.stages import LoadEncoder
from service.encoders.encoder import Embeddings, Encoder, EncoderInfo
from service.errors import WithThisError


class RemoteEncoder:
    """An `Encoder` in an actor of its own, started when it is first asked something.

    It takes a place in the cluster that the pipeline may be waiting for, so `release` it before and after.
    """

    def __init__(self, load: LoadEncoder, pool: EncoderPool) -> None:
        """Nothing is started yet."""
        self._load = load
        self._actor_class = ray.remote(num_cpus=pool.num_cpus, num_gpus=pool.num_gpus)(_Host)
        self._actor: Any = None

    @cached_property
    def info(self) -> EncoderInfo:
        """Facts about the encoder. Raises what loading it raises."""
        info: EncoderInfo = self._ask(lambda encoder: encoder.info)
        return info

    def encode(self, queries: Sequence[Query]) -> Embeddings:
        """Encode a batch. See `Encoder.encode`."""
        embeddings: Embeddings = self._ask(lambda encoder: encoder.encode(queries))
        return embeddings

    def release(self) -> None:
        """End the actor; the next question starts another one."""
        if self._actor is not None:
            ray.kill(self._actor)
            self._actor = None

    def _ask(self, question: Callable[[Encoder], Any]) -> Any:
        if self._actor is None:
            self._actor = self._actor_class.remote(self._load)
        answer = ray.get(self._actor.ask.remote(question))
        if isinstance(answer, WithThisError):
            raise answer
        return answer


class _Host:
    """The actor."""

    def __init__(self, load: LoadEncoder) -> None:
        self._load = load
        self._encoder: Encoder | None = None

    def ask(self, question: Callable[[Encoder], Any]) -> Any:
        try:
            if self._encoder is None:
                self._encoder = self._load()
            return question(self._encoder)
        except WithThisError as error:
            return error

"""Encoders and engines of an experiment, each loaded once, with their answers cached on disk."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from rerank.engines.engine import Engine
from service.encoders.encoder import Encoder
from service.lab.configuration import Configuration
from service.lab.digests import digest_of
from service.lab.embedding_cache import CachedEncoder, EmbeddingCache
from service.lab.journal import Journal
from service.lab.recorded_engine import RecordedEngine
from service.lab.setup import Setup


class Models:
    """Loads what configurations name; those that name the same share it. Close it at the end."""

    def __init__(
        self,
        folder: Path,
        *,
        load_encoder: Callable[[Setup], Encoder] = lambda setup: setup.make.encoder(),
        load_engine: Callable[[Setup], Engine] = lambda setup: setup.make.engine(),
    ) -> None:
        """`folder`: where embeddings and answers are kept, for this experiment and later ones."""
        self._folder = folder
        self._load_encoder = load_encoder
        self._load_engine = load_engine
        self._encoders: dict[str, CachedEncoder] = {}
        self._engines: dict[str, RecordedEngine] = {}

    def encoder(self, configuration: Configuration) -> CachedEncoder:
        """The configuration's encoder. Raises as its loader, and LabError for a damaged cache."""
        key = configuration.encoder_key()
        if key not in self._encoders:
            encoder = self._load_encoder(configuration.setup)
            cache = EmbeddingCache(self._folder / "embeddings", encoder.info)
            self._encoders[key] = CachedEncoder(encoder, cache)
        return self._encoders[key]

    def engine(self, configuration: Configuration) -> RecordedEngine:
        """The configuration's engine. Raises as its loader, and LabError for a damaged journal."""
        key = engine_fingerprint(configuration)
        if key not in self._engines:
            engine = self._load_engine(configuration.setup)
            self._engines[key] = RecordedEngine(engine, Journal(self._folder / "answers" / f"{key[:16]}.jsonl"))
        return self._engines[key]

    def flush(self) -> None:
        """Write what is not on disk yet."""
        for encoder in self._encoders.values():
            encoder.cache.flush()

    def close(self) -> None:
        """Close everything, even if the disk fails."""
        with ExitStack() as stack:
            for engine in self._engines.values():
                stack.callback(engine.close)
            self.flush()


def engine_fingerprint(configuration: Configuration) -> str:
    """Changes with the engine's settings and with its weights, if they are on this machine."""
    return digest_of([configuration.engine_key(), [_state(place) for place in configuration.setup.weights]])


def _state(place: Path) -> list[tuple[str, int, int]]:
    """Name, size and time of change of each file; a name on the hub has none here."""
    found = [place] if place.is_file() else sorted(place.rglob("*")) if place.is_dir() else []
    states = [(path, path.stat()) for path in found if path.is_file()]
    return [(path.name, status.st_size, status.st_mtime_ns) for path, status in states]

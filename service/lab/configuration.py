"""A configuration of an experiment: settings of the service, laid over those of this machine, and what is asked of it.

What is measured is what is served, so a configuration uses the names of the settings for encoders, stores and
strategies.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from service.lab.digests import digest_of
from service.settings import Settings, setting_places

UNMEASURED = frozenset(
    {
        *("host", "port", "api_keys", "allow_anonymous", "public_images", "client_key", "rate_limit_per_minute"),
        *("cors_origins", "log_level", "log_format", "shutdown_delay_s", "data_dir", "images_url", "store_token"),
        *("collection", "ingest_workers", "encoder_max_batch", "encoder_max_wait_ms", "encoder_queue"),
        *("engine_api_key", "engine_cache_size"),
        *("url_image_hosts", "url_image_timeout_s", "max_body_bytes", "max_feed_bytes"),
        *("default_limit", "max_limit", "search_concurrency", "search_queue", "search_queue_wait_ms"),
        *("retry_after_s", "workers", "tracing", "ray_address", "ray_encoders"),
        *("search_log", "search_log_text", "feedback", "interleave", "interleave_share"),
    }
)
"""Settings that cannot change a result, that the lab chooses itself, or that are secret: those come from the
environment alone, since an experiment's file and its report are meant to be shared."""

MEASURED = frozenset(setting_places()) - UNMEASURED
"""Settings that a configuration may set."""

EXACT = "exact:"
"""The store used unless a configuration names another: in memory, every row compared."""


@dataclass(frozen=True)
class Price:
    """What a hosted model costs, in one currency, for a million tokens read and written."""

    prompt: float = 0.0
    generated: float = 0.0


@dataclass(frozen=True)
class Configuration:
    """A configuration. `chosen` is what the experiment sets, `settings` everything in effect.

    `k`: results of a query; None: as many as the data set's measures need. `filter`: whether the queries' filters
    are applied.
    """

    name: str
    settings: Settings
    chosen: Mapping[str, object]
    k: int | None = None
    filter: bool = True
    price: Price | None = None

    @property
    def measured(self) -> dict[str, object]:
        """Every setting that can change a result."""
        return {name: self.settings.flat(name) for name in sorted(MEASURED)}

    def encoder_key(self) -> str:
        """Configurations with the same key share a loaded encoder."""
        return self._key("encoder")

    def engine_key(self) -> str:
        """Configurations with the same key share a loaded engine."""
        return self._key("engine")

    def store_key(self) -> str:
        """Together with the encoder's fingerprint and the gallery: configurations that share a filled store."""
        return self._key("store_uri", "index_")

    def _key(self, *prefixes: str) -> str:
        chosen = {name: value for name, value in self.measured.items() if name.startswith(prefixes)}
        return digest_of([chosen, self.settings.encoder.torch_threads])

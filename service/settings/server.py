"""The server: where it listens, who may call it, and how much is taken at the same time."""

from typing import Literal

from pydantic import Field, SecretStr

from service.settings.group import Group
from service.settings.setting_types import ApiKeys, HostNames, Networks


class ServerSettings(Group):
    """The server: where it listens, who may call it, and how much is taken at the same time."""

    host: str = Field("127.0.0.1", description="Address the service listens on.")
    port: int = Field(8000, ge=0, le=65535, description="Port the service listens on; 0 takes a free one.")
    workers: int = Field(1, ge=1, le=64, description="Processes that serve; several need a Milvus server.")
    api_keys: ApiKeys = Field(
        default_factory=list,
        description="API keys: name, sha256 and scopes (search, write, admin) of each; none: no key is needed.",
    )
    allow_anonymous: bool = Field(False, description="Listen beyond this machine although there are no API keys.")
    client_key: SecretStr | None = Field(None, description="API key that `withthis search --url` sends.")
    rate_limit_per_minute: int = Field(
        0, ge=0, le=1_000_000, description="Requests a minute for each key (or address without keys); 0: no limit."
    )
    allowed_hosts: HostNames = Field(
        default_factory=list,
        description="Names in Host under which a service without keys answers, such as shop.example or *.shop.example; "
        "none: those of this machine where it listens on it alone, else any.",
    )
    trusted_proxies: Networks = Field(
        default_factory=list,
        description="Addresses or networks of proxies whose X-Forwarded-For is believed, such as 10.0.0.0/8.",
    )
    cors_origins: list[str] = Field(
        default_factory=list, description="Origins whose pages may call the service, such as https://shop.example."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Least severe messages to log.")
    log_format: Literal["text", "json"] = Field("text", description="How the log is written; json: one object a line.")
    tracing: bool = Field(
        False,
        description="Send OpenTelemetry traces (extra `otel`); the OTEL_* variables say where and also ask for them.",
    )
    shutdown_delay_s: float = Field(
        0.0, ge=0, le=300, description="Seconds to go on answering, not ready, after being told to stop."
    )
    max_body_bytes: int = Field(16 * 2**20, ge=1024, description="Largest accepted request body, in bytes.")
    max_feed_bytes: int = Field(
        2**30, ge=1024, description="Largest accepted stream of products (NDJSON), in bytes; a line: max_body_bytes."
    )
    max_feed_lines: int = Field(
        10_000, ge=1, le=1_000_000, description="Most lines of such a stream; further ones belong into a new request."
    )
    max_held_bytes: int = Field(
        128 * 2**20,
        ge=1024,
        description="Bytes of all request bodies, and images on their way out, held at the same time; more gets 429.",
    )
    max_header_bytes: int = Field(
        32_768, ge=1024, le=2**20, description="Longest request line and headers together, in bytes."
    )
    header_timeout_s: float = Field(
        10.0, gt=0, le=3600, description="Seconds in which request line and headers must have come."
    )
    write_timeout_s: float = Field(
        30.0, gt=0, le=3600, description="Seconds for which a client may take nothing of an answer."
    )
    max_connections: int = Field(
        1000,
        ge=1,
        le=1_000_000,
        description="Open connections of a process; further ones get 503. At most half of the file descriptors.",
    )
    body_timeout_s: float = Field(
        20.0, gt=0, le=3600, description="Seconds that a body is waited for, besides the time its bytes are allowed."
    )
    body_min_rate: int = Field(
        16_384, ge=1, description="Bytes a second at which a body must come: one second is allowed for so many."
    )
    search_concurrency: int = Field(
        2,
        ge=1,
        le=256,
        description="Searches retrieved at the same time, and as many again of those that are reranked.",
    )
    compatible_concurrency: int = Field(
        2, ge=1, le=256, description="Requests to each of /v1/rerank and /v1/embeddings worked on at the same time."
    )
    search_queue: int = Field(
        16, ge=0, le=10_000, description="Calls of a kind that may wait for a slot; further ones get 429."
    )
    search_queue_wait_ms: int = Field(10_000, ge=0, le=600_000, description="Longest wait in such a queue, in ms.")
    retry_after_s: int = Field(1, ge=1, le=3600, description="Retry-After sent with 429, in seconds.")

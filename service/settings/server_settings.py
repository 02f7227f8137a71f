"""The server: where it listens, who may call it, and how much it accepts at the same time."""

from typing import Literal

from pydantic import Field, SecretStr

from service.settings.group import Group
from service.settings.setting_types import ApiKeys, HostNames, Networks


class ServerSettings(Group):
    """The server: where it listens, who may call it, and how much it accepts at the same time."""

    host: str = Field("127.0.0.1", description="Address the service listens on.")
    port: int = Field(8000, ge=0, le=65535, description="Port the service listens on; 0 takes a free one.")
    workers: int = Field(1, ge=1, le=64, description="Server processes; several need a Milvus server.")
    api_keys: ApiKeys = Field(
        default_factory=list,
        description="API keys: name, sha256 and scopes (search, write, admin) of each; none: no key is required.",
    )
    allow_anonymous: bool = Field(False, description="Listen beyond this machine although there are no API keys.")
    client_key: SecretStr | None = Field(None, description="API key that `withthis search --url` sends.")
    rate_limit_per_minute: int = Field(
        0, ge=0, le=1_000_000, description="Requests per minute for each key (or address without keys); 0: no limit."
    )
    allowed_hosts: HostNames = Field(
        default_factory=list,
        description="Names in Host under which a service without keys answers, such as shop.example or *.shop.example; "
        "none: those of this machine if it listens on it alone, otherwise any.",
    )
    trusted_proxies: Networks = Field(
        default_factory=list,
        description="Addresses or networks of proxies whose X-Forwarded-For is trusted, such as 10.0.0.0/8.",
    )
    cors_origins: list[str] = Field(
        default_factory=list, description="Origins whose pages may call the service, such as https://shop.example."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Least severe messages to log.")
    log_format: Literal["text", "json"] = Field("text", description="Format of the log; json: one object per line.")
    tracing: bool = Field(
        False,
        description="Send OpenTelemetry traces (extra `otel`); the OTEL_* variables say where to, and turn them "
        "on as well.",
    )
    mcp: bool = Field(False, description="Serve tools for agents (MCP) at /mcp (extra `mcp`).")
    shutdown_delay_s: float = Field(
        0.0, ge=0, le=300, description="Seconds to keep answering, not ready, after the signal to stop."
    )
    max_body_bytes: int = Field(16 * 2**20, ge=1024, description="Largest accepted request body, in bytes.")
    max_feed_bytes: int = Field(
        2**30, ge=1024, description="Largest accepted stream of products (NDJSON), in bytes; a line: max_body_bytes."
    )
    max_feed_lines: int = Field(10_000, ge=1, le=1_000_000, description="Maximum number of lines in such a stream.")
    max_held_bytes: int = Field(
        128 * 2**20,
        ge=1024,
        description="Bytes of all request bodies and outgoing images held at the same time; further requests get 429.",
    )
    max_header_bytes: int = Field(
        32_768, ge=1024, le=2**20, description="Longest request line and headers together, in bytes."
    )
    header_timeout_s: float = Field(
        10.0, gt=0, le=3600, description="Seconds within which request line and headers must arrive."
    )
    write_timeout_s: float = Field(
        30.0, gt=0, le=3600, description="Seconds for which a client may leave a response unread."
    )
    max_connections: int = Field(
        1000,
        ge=1,
        le=1_000_000,
        description="Open connections of a process; further ones get 503. At most half of the file descriptors.",
    )
    body_timeout_s: float = Field(
        20.0, gt=0, le=3600, description="Seconds to wait for a body, in addition to the time allowed by body_min_rate."
    )
    body_min_rate: int = Field(
        16_384, ge=1, description="Minimum rate of a body: one more second is allowed per this many bytes."
    )
    search_concurrency: int = Field(
        8,
        ge=1,
        le=256,
        description="Concurrent retrievals of plain searches, and as many of reranked ones.",
    )
    compatible_concurrency: int = Field(
        2,
        ge=1,
        le=256,
        description="Concurrent requests to /v1/rerank; to /v1/embeddings 16 times as many, or as many of 16 inputs.",
    )
    search_queue: int = Field(
        16, ge=0, le=10_000, description="Calls of each kind that may wait for a slot; further ones get 429."
    )
    search_queue_wait_ms: int = Field(10_000, ge=0, le=600_000, description="Longest wait in such a queue, in ms.")
    retry_after_s: int = Field(1, ge=1, le=3600, description="Retry-After sent with 429, in seconds.")

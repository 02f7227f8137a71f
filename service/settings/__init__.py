"""Every setting, in one place.

Order of precedence: arguments, environment (`WITHTHIS_…`), a `.env` file in the current folder, the TOML file named
by `WITHTHIS_CONFIG`, the defaults below. Lists and tables are written as JSON in the environment
(`WITHTHIS_INDEX_PARAMS='{"M": 32}'`). Unknown variables are ignored; unknown names in the TOML file are an error,
since there they can only be slips.
"""

import os
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from service.errors import ConfigurationError
from service.images.decode import ImageLimits
from service.search.online.rival import Rival
from service.settings.config_file import CONFIG_VARIABLE, check_config_file
from service.settings.setting_types import ApiKeys, HostNames, ImagesUrl, Networks, StoreUri, UrlHosts

IndexType = Literal["AUTOINDEX", "HNSW", "IVF_FLAT", "FLAT"]


class Settings(BaseSettings):
    """All settings of the service and the command line. Use `load_settings` for errors made to be read."""

    model_config = SettingsConfigDict(
        env_prefix="WITHTHIS_", env_file=".env", env_file_encoding="utf-8", extra="ignore", frozen=True
    )

    host: str = Field("127.0.0.1", description="Address the service listens on.")
    port: int = Field(8000, ge=0, le=65535, description="Port the service listens on; 0 takes a free one.")
    workers: int = Field(1, ge=1, le=64, description="Processes that serve; several need a Milvus server.")
    api_keys: ApiKeys = Field(
        default_factory=list,
        description="API keys: name, sha256 and scopes (search, write, admin) of each; none: no key is needed.",
    )
    allow_anonymous: bool = Field(False, description="Listen beyond this machine although there are no API keys.")
    public_images: bool = Field(False, description="Serve catalogue pictures without a key, as pages of a shop need.")
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
    data_dir: Path = Field(Path(".withthis"), description="Folder for the local store and the catalogue's pictures.")
    images_url: ImagesUrl = Field(
        "",
        description="Where the catalogue's pictures lie: a folder, or a URL that fsspec knows, such as "
        "s3://bucket/images. Empty: data_dir/images.",
    )

    store_uri: StoreUri = Field(
        "",
        description="Milvus: a path ending in .db (local file) or an http(s) address; exact: or exact:PATH compares "
        "every row, in memory or a file; pinecone:INDEX. Empty: data_dir/milvus.db.",
    )
    store_token: SecretStr | None = Field(None, description="Milvus token, or user:password; the API key of Pinecone.")
    pinecone_cloud: Literal["aws", "gcp", "azure"] = Field(
        "aws", description="Cloud in which an index of Pinecone is created."
    )
    pinecone_region: str = Field(
        "us-east-1", min_length=1, description="Region in which an index of Pinecone is created."
    )
    pinecone_host: str | None = Field(
        None, min_length=1, description="Address in place of Pinecone's own, such as that of Pinecone Local."
    )
    store_timeout_s: float = Field(10.0, gt=0, le=600, description="Seconds to wait for the store before giving up.")
    collection: str = Field(
        "products", pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,199}$", description="Name of the Milvus collection."
    )
    index_type: IndexType = Field("AUTOINDEX", description="Vector index, used when the collection is created.")
    index_params: dict[str, int] = Field(
        default_factory=dict, description="Build parameters of the index, such as M and efConstruction, or nlist."
    )
    search_params: dict[str, int] = Field(
        default_factory=dict, description="Search parameters of the index, such as ef or nprobe."
    )

    encoder: str = Field("starter", min_length=1, description="Encoder of queries and products.")
    encoder_path: Path | None = Field(
        None, description="Weights of the encoder: a file, a folder or a name on the hub; empty takes its usual ones."
    )
    encoder_revision: str | None = Field(
        None, min_length=1, description="Commit, tag or branch of the encoder's files on the hub; empty: its default."
    )
    encoder_text_model: str | None = Field(
        None,
        min_length=1,
        description="Text model under a Visualized BGE: a folder or a hub name; empty: its usual one.",
    )
    encoder_device: str = Field(
        "auto", min_length=1, description="Where the encoder runs: auto, cpu, cuda, cuda:1, mps."
    )
    encoder_dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="Number type of the encoder; auto: float32 on CPU and MPS, 16 bits on CUDA."
    )
    encoder_fit: Literal["crop", "pad"] = Field(
        "crop", description="How pictures become squares: crop, as published, or pad, which keeps all of the product."
    )
    encoder_text_weight: float = Field(
        0.5, ge=0, le=1, description="Share of the text in composed queries of the CLIP family; 0.5: the plain sum."
    )
    encoder_batch: int = Field(32, ge=1, le=1024, description="Pictures encoded at once while indexing.")
    ingest_workers: int = Field(
        2,
        ge=0,
        le=64,
        description="Processes that read and decode pictures while indexing; 0: none, in the same process.",
    )
    ray_address: str | None = Field(
        None,
        min_length=1,
        description="Ray cluster of `index --engine ray`; none: that of RAY_ADDRESS, else one is started here.",
    )
    ray_encoders: int | None = Field(
        None,
        ge=1,
        le=10_000,
        description="Encoders side by side on Ray; none: one for each GPU, without GPUs one for two CPUs.",
    )
    encoder_max_batch: int = Field(
        32, ge=1, le=1024, description="Queries of concurrent searches encoded together; 1 encodes each by itself."
    )
    encoder_max_wait_ms: float = Field(
        2.0, ge=0, le=1000, description="Longest wait of a query for others to be encoded with, in ms."
    )
    encoder_queue: int = Field(
        256, ge=1, le=10_000, description="Queries that may wait for the encoder; others get 429."
    )
    torch_threads: int | None = Field(None, ge=1, le=256, description="Threads for torch; empty leaves torch's choice.")

    rerank_enabled: bool = Field(True, description="Rerank unless the request says otherwise.")
    engine: str = Field("starter", min_length=1, description="Engine that runs the reranking model.")
    engine_path: Path | None = Field(None, description="Weights of the engine; empty takes those in the package.")
    engine_model: str | None = Field(
        None, min_length=1, description="Model of the engine: a name on the hub or a folder."
    )
    engine_revision: str | None = Field(
        None, min_length=1, description="Commit, tag or branch of that model on the hub."
    )
    engine_device: str = Field(
        "auto", min_length=1, description="Where the engine's model runs: auto, cpu, cuda, cuda:1, balanced and so on."
    )
    engine_dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="Number format of the engine's weights; auto is that of the files."
    )
    engine_num_crops: int = Field(
        16, ge=1, le=64, description="Crops in which phi3-vision sees a picture, at most: 16, 4 or 1; fewer are faster."
    )
    engine_quantisation: Literal["4bit", "8bit"] | None = Field(
        None, description="Fewer bits for the weights of phi3-vision, with the extra `quantised`: 4bit or 8bit."
    )
    engine_layout: Literal["panel", "images"] | None = Field(
        None, description="One panel or one picture a candidate for ranking; none: what suits the engine."
    )
    engine_max_candidates: int = Field(
        9, ge=1, le=26, description="Most products that one call to the engine's model ranks."
    )
    engine_url: str | None = Field(
        None, min_length=1, description="Address of the model server, with its version: http://127.0.0.1:8001/v1."
    )
    engine_api_key: SecretStr | None = Field(None, description="API key of the model server.")
    engine_dialect: Literal["vllm", "json_schema", "regex", "none"] = Field(
        "vllm", description="How the model server is told the form of an answer; none: not at all."
    )
    engine_concurrency: int = Field(8, ge=1, le=256, description="Requests to the model server at the same time.")
    engine_retries: int = Field(2, ge=0, le=10, description="Further tries when the model server is busy or fails.")
    engine_extra: dict[str, Any] = Field(
        default_factory=dict, description="Fields laid over every request to the model server; null removes one."
    )
    strategy: str = Field("listwise", min_length=1, description="Reranking strategy.")
    rerank_candidates: int = Field(9, ge=1, le=100, description="Products handed to the reranker.")
    rerank_window: int | None = Field(
        None, ge=2, le=26, description="Products in one call of the sliding window; none: all the engine takes."
    )
    rerank_step: int | None = Field(
        None, ge=1, le=25, description="How far that window moves; less than the window, none: half of it."
    )
    rerank_rotations: int = Field(
        1, ge=1, le=26, description="Arrangements that single-token averages over, against position bias."
    )
    rerank_prune: int = Field(20, ge=1, le=100, description="Products that the text cross-encoder lets through.")
    cross_encoder_model: str | None = Field(
        None, min_length=1, description="Text cross-encoder of FlagEmbedding: a hub name or a folder; none: no pruning."
    )
    cross_encoder_device: str = Field(
        "auto", min_length=1, description="Where the text cross-encoder runs: auto, cpu, cuda, cuda:1, mps."
    )
    rerank_deadline_ms: int = Field(20_000, ge=1, le=600_000, description="Time given to reranking, in ms.")
    rerank_max_deadline_ms: int = Field(
        120_000, ge=1, le=600_000, description="Longest time that a request may give to reranking, in ms."
    )
    rerank_concurrency: int = Field(2, ge=1, le=256, description="Searches whose results are reranked at once.")
    rerank_queue: int = Field(
        16, ge=0, le=1000, description="Searches that may wait for that; further ones are answered in retrieval order."
    )
    fusion_weight: float = Field(1.0, ge=0, le=1, description="1 orders by the reranker alone, 0 by retrieval alone.")
    fusion_method: Literal["rrf", "scores"] = Field(
        "rrf", description="Fusion by ranks (rrf), or by scores where the reranker gives them."
    )
    rank_prompt: str | None = Field(None, description="Prompt for ranking, as id or id@version; none: its own.")
    caption_prompt: str | None = Field(None, description="Prompt for captions, as id or id@version; none: its own.")
    match_prompt: str | None = Field(
        None, description="Prompt for judging one product, as id or id@version; none: its own."
    )
    prompts_dir: Path | None = Field(None, description="Folder with prompt templates; none: the package's.")
    caption_cache_size: int = Field(1024, ge=0, description="Captions of query pictures kept in memory.")
    thumbnail_cache_size: int = Field(
        256, ge=0, description="Products' pictures kept in the size of a panel's cell, 0.2 MB each."
    )
    engine_cache_size: int = Field(
        512, ge=0, description="Pictures that the engine starter keeps as it has seen them, 75 KB each."
    )

    max_image_bytes: int = Field(10 * 2**20, ge=1024, description="Largest accepted picture, in encoded bytes.")
    max_image_pixels: int = Field(40_000_000, ge=64, le=89_000_000, description="Largest accepted picture, in pixels.")
    decode_pixels: int = Field(
        40_000_000,
        ge=1_000_000,
        le=1_000_000_000,
        description="Pixels that a process decodes at the same time, at about 5 bytes each; those of WebP count three "
        "times. A larger image goes alone.",
    )
    max_request_pixels: int = Field(
        256_000_000, ge=64, description="All images of one request to /v1/rerank or /v1/embeddings, in pixels."
    )
    min_image_side: int = Field(3, ge=1, le=512, description="Smallest accepted side of a picture, in pixels.")
    working_image_side: int = Field(1024, ge=64, le=8192, description="Longer side to which pictures are reduced.")
    url_image_hosts: UrlHosts = Field(
        default_factory=list,
        description="Hosts from which pictures are fetched by URL, such as img.example or *.cdn.example; none: off.",
    )
    url_image_timeout_s: float = Field(5.0, gt=0, le=60, description="Time for fetching one picture, in seconds.")
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
    max_text_chars: int = Field(2000, ge=1, description="Longest accepted query text, in characters.")
    default_limit: int = Field(9, ge=1, description="Results of a search that names no limit.")
    max_limit: int = Field(100, ge=1, le=1000, description="Largest limit of a search.")
    search_window: int = Field(
        200,
        ge=1,
        le=5000,
        description="Best products that facets, duplicates and pages are about; at least max_limit.",
    )
    hybrid_enabled: bool = Field(
        True, description="Search products by their words (BM25), too, for queries that have words and do not say."
    )
    hybrid_lexical_weight: float = Field(
        0.5, ge=0, le=1, description="Share of the words in the order of a hybrid search; 0: similarity alone."
    )
    lexical_fields: list[str] = Field(
        default=["title", "category", "brand", "sku"],
        min_length=1,
        description="Fields whose words are searched: id, title, category, or names of attributes.",
    )
    lexical_max_products: int = Field(
        1_000_000, ge=0, description="Most products whose words are held in memory; for larger catalogs hybrid is off."
    )
    lexical_refresh_s: float = Field(
        300,
        ge=1,
        description="How old the words written by other processes may be, in seconds, where a server is shared.",
    )
    negative_weight: float = Field(
        0.5, gt=0, le=1, description="How far negative_text moves a query away, unless the request says."
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

    search_log: Path | None = Field(None, description="Folder for a log of searches and feedback; none: no log.")
    search_log_text: bool = Field(True, description="Write the sentences of searches into that log.")
    feedback: bool = Field(False, description="Take clicks and purchases at /v1/feedback; needs the search log.")
    interleave: Rival | None = Field(
        None,
        description="Second configuration, compared with that of the settings by interleaving; needs the search log.",
    )
    interleave_share: float = Field(0.1, gt=0, le=1, description="Share of searches that are interleaved.")

    @model_validator(mode="after")
    def _fill_and_compare(self) -> Self:
        if not self.store_uri:
            object.__setattr__(self, "store_uri", str(self.data_dir / "milvus.db"))
        if self.default_limit > self.max_limit:
            raise ValueError("default_limit must not exceed max_limit")
        if self.rerank_deadline_ms > self.rerank_max_deadline_ms:
            raise ValueError("rerank_deadline_ms must not exceed rerank_max_deadline_ms")
        if self.search_log is None and (self.feedback or self.interleave):
            raise ValueError("feedback and interleave need search_log, the folder to which they are written")
        if self.interleave and not (self.interleave.enabled or self.rerank_enabled):
            raise ValueError("interleave would compare retrieval with itself; leave its enabled out")
        return self

    @property
    def images_location(self) -> str:
        """Where the catalog's images lie: a folder or a URL."""
        return self.images_url or str(self.data_dir / "images")

    @property
    def image_limits(self) -> ImageLimits:
        """The limits for images from outside."""
        return ImageLimits(
            max_bytes=self.max_image_bytes,
            max_pixels=self.max_image_pixels,
            min_side=self.min_image_side,
            working_side=self.working_image_side,
            decode_pixels=self.decode_pixels,
        )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Add the TOML file as the last source before the defaults."""
        sources = (init_settings, env_settings, dotenv_settings, file_secret_settings)
        config = os.environ.get(CONFIG_VARIABLE)
        return (*sources, TomlConfigSettingsSource(settings_cls, Path(config))) if config else sources


def load_settings(**overrides: Any) -> Settings:
    """Read the settings from all sources. Raises `ConfigurationError` that names each wrong setting."""
    check_config_file(Settings.model_fields.keys())
    try:
        return Settings(**overrides)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False, include_input=False)
        lines = [f"{_setting_name(fault['loc'])}: {fault['msg'].removeprefix('Value error, ')}" for fault in faults]
        raise ConfigurationError("Wrong settings. " + "; ".join(lines) + ".") from error
    except ValueError as error:  # pydantic-settings: a table in the environment that is not JSON
        raise ConfigurationError("A setting that takes a table must be written as JSON, like '{\"M\": 32}'.") from error


def _setting_name(location: tuple[int | str, ...]) -> str:
    return "WITHTHIS_" + str(location[0]).upper() if location else "settings"

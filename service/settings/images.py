"""Images: where they are stored, which are accepted, and where they may be fetched from."""

from pydantic import Field

from service.settings.group import Group
from service.settings.setting_types import ImagesUrl, UrlHosts


class ImagesSettings(Group):
    """Images: where they are stored, which are accepted, and where they may be fetched from."""

    url: ImagesUrl = Field(
        "",
        alias="images_url",
        description="Where the catalogue's pictures lie: a folder, or a URL that fsspec supports, such as "
        "s3://bucket/images. Empty: data_dir/images.",
    )
    public: bool = Field(
        False, alias="public_images", description="Serve catalogue pictures without a key, as pages of a shop need."
    )
    max_image_bytes: int = Field(10 * 2**20, ge=1024, description="Largest accepted picture, in encoded bytes.")
    max_image_pixels: int = Field(40_000_000, ge=64, le=89_000_000, description="Largest accepted picture, in pixels.")
    decode_pixels: int = Field(
        51_000_000,
        ge=1_000_000,
        le=1_000_000_000,
        description="Pixels that a process decodes at the same time, at about 5.5 bytes each. Those of WebP count "
        "three times, which limits a WebP to 17 million pixels.",
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
    thumbnail_cache_size: int = Field(
        256, ge=0, description="Products' pictures kept in the size of a panel's cell, 0.2 MB each."
    )

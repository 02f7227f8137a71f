"""Images: where they are stored, which are accepted, and where they may be fetched from."""

from pydantic import Field

from service.settings.group import Group
from service.settings.setting_types import ImagesUrl, UrlHosts


class ImagesSettings(Group):
    """Images: where they are stored, which are accepted, and where they may be fetched from."""

    url: ImagesUrl = Field(
        "",
        alias="images_url",
        description="Store of the catalog's images: a folder, or a URL that fsspec supports, such as "
        "s3://bucket/images. Empty: data_dir/images.",
    )
    public: bool = Field(
        False, alias="public_images", description="Serve catalog images without a key, as the pages of a shop need."
    )
    max_image_bytes: int = Field(10 * 2**20, ge=1024, description="Largest accepted image, in encoded bytes.")
    max_image_pixels: int = Field(40_000_000, ge=64, le=89_000_000, description="Largest accepted image, in pixels.")
    decode_pixels: int = Field(
        40_000_000,
        ge=1_000_000,
        le=1_000_000_000,
        description="Pixels that a process decodes at the same time, at about 5.5 bytes each. Those of WebP count "
        "three times, which limits a WebP to 13.7 million pixels.",
    )
    max_request_pixels: int = Field(
        256_000_000, ge=64, description="All images of one request to /v1/rerank or /v1/embeddings, in pixels."
    )
    min_image_side: int = Field(3, ge=1, le=512, description="Shortest accepted side of an image, in pixels.")
    working_image_side: int = Field(
        1024, ge=64, le=8192, description="Longer side to which images are reduced, in pixels."
    )
    url_image_hosts: UrlHosts = Field(
        default_factory=list,
        description="Hosts from which images are fetched by URL, such as img.example or *.cdn.example; none: off.",
    )
    url_image_timeout_s: float = Field(5.0, gt=0, le=60, description="Time limit for fetching one image, in seconds.")
    thumbnail_cache_size: int = Field(
        256, ge=0, description="Product images cached at the size of a panel cell, 0.2 MB each."
    )

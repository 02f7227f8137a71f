"""The store of vectors and product fields."""

from typing import Literal

from pydantic import Field, SecretStr

from service.settings.group import Group
from service.settings.setting_types import CollectionName, StoreUri

IndexType = Literal["AUTOINDEX", "HNSW", "IVF_FLAT", "FLAT"]


class StoreSettings(Group, alias_generator="store_{}".format):
    """The store of vectors and product fields."""

    uri: StoreUri = Field(
        "",
        description="Milvus: a path ending in .db (local file) or an http(s) URL; exact: or exact:PATH compares "
        "every row, in memory or a file; pinecone:INDEX. Empty: data_dir/milvus.db.",
    )
    token: SecretStr | None = Field(None, description="Milvus token, or user:password; the API key of Pinecone.")
    timeout_s: float = Field(10.0, gt=0, le=600, description="Seconds to wait for the store before giving up.")
    pinecone_cloud: Literal["aws", "gcp", "azure"] = Field(
        "aws", alias="pinecone_cloud", description="Cloud in which an index of Pinecone is created."
    )
    pinecone_region: str = Field(
        "us-east-1",
        min_length=1,
        alias="pinecone_region",
        description="Region in which an index of Pinecone is created.",
    )
    pinecone_host: str | None = Field(
        None,
        min_length=1,
        alias="pinecone_host",
        description="URL instead of Pinecone's own, such as that of Pinecone Local.",
    )
    collection: CollectionName = Field(
        "products",
        alias="collection",
        description="Name of the Milvus collection.",
    )
    index_type: IndexType = Field(
        "AUTOINDEX", alias="index_type", description="Vector index, used when the collection is created."
    )
    index_params: dict[str, int] = Field(
        default_factory=dict,
        alias="index_params",
        description="Build parameters of the index, such as M and efConstruction, or nlist.",
    )
    search_params: dict[str, int] = Field(
        default_factory=dict, alias="search_params", description="Search parameters of the index, such as ef or nprobe."
    )

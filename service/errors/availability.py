# ruff: noqa: N818 (the tree says what they are; a suffix on every name would only make them longer)
"""What passes: overload, stores that do not answer, a service that is stopping."""

from service.errors.problem import WithThisError


class Overloaded(WithThisError):
    """All workers are busy and the queue is full."""

    status = 429
    type = "overloaded"
    title = "The service is busy"
    default_detail = "All workers are busy. Try again after the number of seconds in Retry-After."

    def __init__(self, detail: str | None = None, *, retry_after_s: int = 1) -> None:
        """`retry_after_s` goes into the Retry-After header."""
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class RateLimited(Overloaded):
    """Too many requests with one key, or from one address."""

    type = "rate-limited"
    title = "Too many requests"
    default_detail = "This key or address has used up its requests. Try again after the seconds in Retry-After."


class StoreUnavailable(WithThisError):
    """The vector store does not answer or refuses the request."""

    status = 503
    type = "store-unavailable"
    title = "The product store does not answer"
    default_detail = "The product store cannot be reached. Try again in a moment; `withthis doctor` says what is wrong."


class StoreLocked(StoreUnavailable):
    """Another process has the local store file open."""

    type = "store-locked"
    title = "The product store is in use by another process"
    default_detail = (
        "The local store file belongs to one process at a time, and another one has it open. If that is a service, "
        "search with `withthis search --url`, and change products with `withthis index --url` or `PUT /v1/products`. "
        "Or stop that process, or run a Milvus server and name it in WITHTHIS_STORE_URI."
    )


class StoreUnusable(StoreUnavailable):
    """The folder of the local store cannot be opened, and waiting does not help."""

    type = "store-unusable"
    title = "The product store cannot be opened"
    default_detail = (
        "The store's folder cannot be created, read or written. Check WITHTHIS_DATA_DIR and WITHTHIS_STORE_URI, and "
        "their permissions."
    )


class IndexLost(StoreUnavailable):
    """The index has no products, although the image store has many images."""

    type = "index-lost"
    title = "The index has no products"
    default_detail = (
        "The index is empty, but there are many product images: it may be lost, or the wrong one. Restore it, or "
        "fill it with `withthis index FEED`. If it is meant to be empty, run `withthis gc --delete-most`."
    )


class StoreFull(StoreUnavailable):
    """The disk of the store, or of the images, is full."""

    type = "store-full"
    title = "The disk is full"
    default_detail = (
        "The disk that holds the catalog is full, so the change was not made. Free some space and send it again; "
        "searches keep working."
    )


class ImageStoreUnavailable(StoreUnavailable):
    """The store of the catalog's images does not answer or refuses the request."""

    type = "image-store-unavailable"
    title = "The image store does not answer"
    default_detail = (
        "The image store cannot be reached. Try again in a moment; if the error persists, check WITHTHIS_IMAGES_URL "
        "and its credentials."
    )


class ImageDamaged(ImageStoreUnavailable):
    """The stored file of an image is not what was stored: it has been truncated, emptied or overwritten."""

    type = "image-damaged"
    title = "The stored image is damaged"
    default_detail = (
        "The stored file is not the original image. Send its product again with the image, or index its feed again: "
        "both rewrite the file."
    )


class TooManyConnections(WithThisError):
    """The limit of open connections is reached; the connection is closed."""

    status = 503
    type = "too-many-connections"
    title = "Too many connections are open"
    default_detail = "Reuse connections instead of opening new ones, or try again in a moment."


class ShuttingDown(WithThisError):
    """The service is stopping and accepts no new requests."""

    status = 503
    type = "shutting-down"
    title = "The service is stopping"
    default_detail = "The service is stopping. Send the request to another instance, or try again after a restart."


class EncoderMismatch(WithThisError):
    """The collection was built by another encoder than the one in use."""

    status = 503
    type = "encoder-mismatch"
    title = "The products were indexed with another encoder"
    default_detail = (
        "The collection was built with another encoder, so its embeddings cannot be compared. Restore "
        "WITHTHIS_ENCODER, or index the feed into a new collection (WITHTHIS_COLLECTION)."
    )


class EmbeddingServerUnavailable(WithThisError):
    """The embedding server cannot be reached, fails, or answers with something other than embeddings."""

    status = 503
    type = "embedding-server-unavailable"
    title = "The embedding server does not answer"
    default_detail = (
        "The embedding server cannot be reached or fails. Try again in a moment; `withthis doctor` says what is wrong."
    )


class TitleSearchUnavailable(WithThisError):
    """Hybrid search was requested, but lexical search is not available for this catalog."""

    status = 503
    type = "title-search-unavailable"
    title = "Hybrid search is not available"
    default_detail = "Lexical search is not available with this store. Leave hybrid out, or use another store."


class RulesNotSaved(WithThisError):
    """The file of rules cannot be written; the rules are as they were."""

    status = 503
    type = "rules-not-saved"
    title = "The rules cannot be saved"
    default_detail = (
        "The service cannot write the file that WITHTHIS_RULES names, so nothing changed. Let it write to that folder."
    )


class RerankRequired(WithThisError):
    """The caller required reranking, and reranking failed."""

    status = 503
    type = "rerank-required"
    title = "Reranking is not available"
    default_detail = "Reranking failed and the request requires it. Try again, or leave rerank.require out."

    def __init__(self, detail: str | None = None, *, fault: str | None = None, degraded: str | None = None) -> None:
        """Take what went wrong (`rerank.ranking.Fault`, `Degraded`), so that it is counted as in an answer."""
        super().__init__(detail)
        self.fault = fault
        self.degraded = degraded

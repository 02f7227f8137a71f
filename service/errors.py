# ruff: noqa: N818 (the tree says what they are; a suffix on every name would only make them longer)
"""Every error of the service, as one tree:

    WithThisError                     500
    ├── InvalidInput                  400   the caller can fix it
    │   ├── EmptyQuery                400   neither text nor image
    │   ├── UnknownField              400   a field that the request does not have
    │   ├── InvalidValue              400   a known field with a value out of range
    │   ├── FilterError               400   the filter is malformed
    │   ├── FeedError                 400   a product feed cannot be read at all
    │   │   └── ChangedIds            400   its products are in the catalog under other ids
    │   ├── TooManyValues             400   JSON with more values than the route accepts
    │   ├── BodyTooLarge              413
    │   ├── BodyTimeout               408   the body arrived too slowly
    │   ├── BadRequest                400   not an HTTP/1.1 request
    │   ├── HeadersTooLarge           431   request line and headers are too long
    │   ├── HeaderTimeout             408   request line and headers arrived too slowly
    │   ├── UnknownProduct            404
    │   ├── ImageNotFound             404
    │   ├── FeedbackOff               404   this service accepts no feedback
    │   └── InvalidImage              422   an image that cannot be used
    │       ├── NotAnImage            422   the bytes are not an image, or the data URI is malformed
    │       ├── CorruptImage          422   an image that is truncated or damaged
    │       ├── UnsupportedImage      415   an image in another format
    │       ├── UrlRefused            400   an image URL that this service does not fetch
    │       ├── ImageNotFetched       422   an image URL that returned no image in time
    │       ├── ImageTooLarge         413   too many bytes or pixels
    │       └── ImageTooSmall         422   too few pixels
    ├── KeyRequired                   401   no API key, or an unknown one
    ├── ForeignRequest                403   under a foreign host name, or from another site's page
    ├── ScopeMissing                  403   the API key lacks the scope of this route
    ├── ClientGone                    499   the client closed its connection; seen only in log and metrics
    ├── Overloaded                    429   with Retry-After
    │   └── RateLimited               429   too many requests with one key
    ├── StoreUnavailable              503   the vector store does not answer
    │   ├── StoreLocked               503   another process has the local store file open
    │   ├── StoreUnusable             503   the local store's folder cannot be opened
    │   ├── StoreFull                 503   the disk is full; nothing was written
    │   ├── IndexLost                 503   no products, although there are many images
    │   └── ImageStoreUnavailable     503   the image store does not answer
    │       └── ImageDamaged          503   a stored file is not the image that was stored
    ├── TooManyConnections            503   the limit of open connections is reached
    ├── ShuttingDown                  503   the service is stopping
    ├── EncoderMismatch               503   the collection was built by another encoder
    ├── TitleSearchUnavailable        503   hybrid search on a store without lexical search
    ├── RerankRequired                503   the caller required reranking and it failed
    ├── ConfigurationError            500   an invalid setting; raised at startup, never by a request
    │   ├── UnknownEncoder            500
    │   └── EncoderUnavailable        500   a known encoder whose files are missing or unusable
    └── InternalFault                 500   anything that should not have happened

`detail` is always a sentence written here or built from validated values: the message of a foreign exception may
contain memory addresses and paths (CVE-2026-22778), so it never reaches a client. It stays in `__cause__` for the log.
"""

from collections.abc import Mapping
from typing import ClassVar

PROBLEM_NAMESPACE = "urn:withthis:problem:"


class WithThisError(Exception):
    """Base of all errors: HTTP `status`, stable `type` slug, `title`, and a `detail` that says what to do."""

    status: ClassVar[int] = 500
    type: ClassVar[str] = "error"
    title: ClassVar[str] = "Something went wrong"
    default_detail: ClassVar[str] = "The request could not be completed. Try again; if it fails again, check the log."

    def __init__(self, detail: str | None = None, **extensions: object) -> None:
        """Take a `detail` that replaces the class's own text, and extra members for the problem document."""
        self.detail: str = detail or self.default_detail
        self.extensions: Mapping[str, object] = extensions
        super().__init__(self.detail)

    def problem(self) -> dict[str, object]:
        """The members of an RFC 9457 problem document (extensions never replace the standard ones)."""
        return {
            **self.extensions,
            "type": PROBLEM_NAMESPACE + self.type,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
        }


class InvalidInput(WithThisError):
    """The request is wrong and the caller can fix it."""

    status = 400
    type = "invalid-input"
    title = "The request is not valid"
    default_detail = "The request is not valid. Compare it with the schema at /schema."


class EmptyQuery(InvalidInput):
    """Neither text nor image was given."""

    type = "empty-query"
    title = "The query is empty"
    default_detail = "Give a text, an image, or both."


class UnknownField(InvalidInput):
    """The request names a field that does not exist."""

    type = "unknown-field"
    title = "The request has an unknown field"
    default_detail = "Remove the unknown field. The known fields are listed at /schema."


class InvalidValue(InvalidInput):
    """A known field has a value that is out of range or of the wrong type."""

    type = "invalid-value"
    title = "A field has an invalid value"
    default_detail = "Correct the value. The allowed values are listed at /schema."


class FilterError(InvalidInput):
    """A malformed filter; the detail says where."""

    type = "invalid-filter"
    title = "The filter is not valid"
    default_detail = 'Write the filter like {"category": {"eq": "mug"}, "price": {"lte": 30}}.'


class FeedError(InvalidInput):
    """A product feed that cannot be read at all (single bad rows are rejected, not raised)."""

    type = "invalid-feed"
    title = "The feed cannot be read"
    default_detail = (
        "Give a folder of images, a CSV, TSV, JSON, JSONL or Parquet file with a column named image, or a Hugging "
        "Face dataset saved to disk."
    )


class ChangedIds(FeedError):
    """A feed whose products are in the catalog under other ids."""

    type = "changed-ids"
    title = "The products are in the catalog under other ids"
    default_detail = (
        "The images of this feed are already in the catalog, under other ids, so indexing would duplicate them. Name "
        "the column with the ids in use: --column id=NAME. If these are different products with the same images, run "
        "again with --new-ids."
    )


class BodyTooLarge(InvalidInput):
    """The request body exceeds the limit."""

    status = 413
    type = "body-too-large"
    title = "The request is too large"
    default_detail = "Send a smaller request; reduce the image before sending it."


class TooManyValues(InvalidInput):
    """JSON with more values than its route accepts; detected before they are parsed."""

    type = "too-many-values"
    title = "The request has too many values"
    default_detail = "Send fewer values: shorter lists, a flatter filter, or several requests."


class BodyTimeout(InvalidInput):
    """The body arrived too slowly, or not at all."""

    status = 408
    type = "body-timeout"
    title = "The request arrived too slowly"
    default_detail = "The body did not arrive in time. Send it again, on a faster connection or in smaller requests."


class BadRequest(InvalidInput):
    """Not an HTTP/1.1 request; the connection is closed."""

    type = "bad-request"
    title = "The request cannot be read"
    default_detail = "This is not an HTTP/1.1 request. Compare it with the schema at /schema."


class HeadersTooLarge(InvalidInput):
    """Request line and headers exceed the limit, or there are too many; the connection is closed."""

    status = 431
    type = "headers-too-large"
    title = "The request's headers are too large"
    default_detail = "Shorten the URL or the headers, or send fewer headers; the limit is WITHTHIS_MAX_HEADER_BYTES."


class HeaderTimeout(InvalidInput):
    """Request line and headers did not arrive in time; the connection is closed."""

    status = 408
    type = "header-timeout"
    title = "The request arrived too slowly"
    default_detail = "The headers did not arrive in time. Send the request again on a faster connection."


class UnknownProduct(InvalidInput):
    """No product has this id."""

    status = 404
    type = "unknown-product"
    title = "There is no such product"
    default_detail = "No product has this id. Use an id from a search result or from your feed."


class ImageNotFound(InvalidInput):
    """No stored image has this key, or the key is malformed."""

    status = 404
    type = "image-not-found"
    title = "There is no such image"
    default_detail = "No image has this key. Use an image_url from a search result."


class FeedbackOff(InvalidInput):
    """Feedback was sent to a service that accepts none."""

    status = 404
    type = "feedback-off"
    title = "This service accepts no feedback"
    default_detail = "Feedback is turned off here. Set WITHTHIS_SEARCH_LOG to a folder and WITHTHIS_FEEDBACK to true."


class InvalidImage(InvalidInput):
    """An image that cannot be used."""

    status = 422
    type = "invalid-image"
    title = "The image cannot be used"
    default_detail = "Send a JPEG, PNG or WebP image."


class NotAnImage(InvalidImage):
    """The bytes are not an image, or a data URI is malformed."""

    type = "not-an-image"
    title = "This is not an image"
    default_detail = "The data is not a valid image. Send the bytes of a JPEG, PNG or WebP file."


class CorruptImage(InvalidImage):
    """An image that is truncated or damaged."""

    type = "corrupt-image"
    title = "The image is damaged"
    default_detail = "The image is truncated or damaged. Save it again and send the new file."


class UnsupportedImage(InvalidImage):
    """An image in a format that is not accepted."""

    status = 415
    type = "unsupported-image"
    title = "The image format is not supported"
    default_detail = "Only JPEG, PNG and WebP images are accepted. Convert the image to one of them."


class UrlRefused(InvalidImage):
    """The URL of an image, or one that it redirects to, is not one that this service fetches."""

    status = 400
    type = "url-refused"
    title = "Images are not fetched from this URL"
    default_detail = "Only http and https URLs of allowed hosts are fetched. Send the image itself instead."


class ImageNotFetched(InvalidImage):
    """The URL of an image returned none in time."""

    type = "image-not-fetched"
    title = "The image could not be fetched"
    default_detail = "The URL returned no image in time. Check the URL, or send the image itself."


class ImageTooLarge(InvalidImage):
    """Too many bytes or too many pixels."""

    status = 413
    type = "image-too-large"
    title = "The image is too large"
    default_detail = "Reduce the image and send it again."


class ImageTooSmall(InvalidImage):
    """Too few pixels to recognize anything."""

    type = "image-too-small"
    title = "The image is too small"
    default_detail = "Send a larger image."


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


class ClientGone(WithThisError):
    """The client closed its connection before it was answered. 499 is the status that nginx uses."""

    status = 499
    type = "client-gone"
    title = "The client disconnected"
    default_detail = "The connection was closed before the response was ready. Send the request again."


class RateLimited(Overloaded):
    """Too many requests with one key, or from one address."""

    type = "rate-limited"
    title = "Too many requests"
    default_detail = "This key or address has used up its requests. Try again after the seconds in Retry-After."


class KeyRequired(WithThisError):
    """No API key was sent, or an unknown one."""

    status = 401
    type = "key-required"
    title = "An API key is required"
    default_detail = "Send a valid key in the header X-API-Key, or as Authorization: Bearer, followed by the key."


class ForeignRequest(WithThisError):
    """A request to a service without keys, under a foreign host name or from another site's page."""

    status = 403
    type = "foreign-request"
    title = "The host or origin is not allowed"
    default_detail = (
        "Without API keys, this service answers only under its own host names and to its own pages. Use a name of its "
        "machine, or have the name added to WITHTHIS_ALLOWED_HOSTS and the page to WITHTHIS_CORS_ORIGINS."
    )


class ScopeMissing(WithThisError):
    """A known API key without the scope of this route."""

    status = 403
    type = "scope-missing"
    title = "This API key lacks the required scope"
    default_detail = "Use a key with the scope of this route, or have the scope added to this key."


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


class TitleSearchUnavailable(WithThisError):
    """Hybrid search was requested, but lexical search is not available for this catalog."""

    status = 503
    type = "title-search-unavailable"
    title = "Hybrid search is not available"
    default_detail = "Lexical search is not available with this store. Leave hybrid out, or use another store."


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


class ConfigurationError(WithThisError):
    """An invalid setting; raised when the service or a command starts."""

    type = "configuration"
    title = "A setting is not valid"
    default_detail = "Check the WITHTHIS_ variables, the .env file and the file named by WITHTHIS_CONFIG."


class UnknownEncoder(ConfigurationError):
    """The encoder named in the settings does not exist."""

    type = "unknown-encoder"
    title = "There is no such encoder"
    default_detail = "Set WITHTHIS_ENCODER to a known encoder."


class EncoderUnavailable(ConfigurationError):
    """The encoder is known but its files are missing or cannot be used."""

    type = "encoder-unavailable"
    title = "The encoder cannot be loaded"
    default_detail = "The encoder's files are missing or damaged. Reinstall it or set WITHTHIS_ENCODER_PATH."


class InternalFault(WithThisError):
    """Anything that should not happen; the log has the cause."""

    type = "internal-fault"
    title = "Something went wrong inside the service"
    default_detail = "The service failed on this request. The cause has been logged, and the service keeps running."

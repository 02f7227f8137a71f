# ruff: noqa: N818 (the tree tells what they are; a suffix on every name would only make them longer)
"""Every error of the service, as one tree.

::

    WithThisError                     500
    ├── InvalidInput                  400   the caller can fix it
    │   ├── EmptyQuery                400   neither a text nor a picture
    │   ├── UnknownField              400   a name that the request does not have
    │   ├── InvalidValue              400   a known field with a value out of range
    │   ├── FilterError               400   the filter cannot be understood
    │   ├── FeedError                 400   a product feed cannot be read at all
    │   │   └── ChangedIds            400   its products are in the catalog under other ids
    │   ├── TooManyValues             400   JSON with more values than the route takes
    │   ├── BodyTooLarge              413
    │   ├── BodyTimeout               408   the body came too slowly
    │   ├── BadRequest                400   what came is not HTTP/1.1
    │   ├── HeadersTooLarge           431   request line and headers are too long
    │   ├── HeaderTimeout             408   request line and headers came too slowly
    │   ├── UnknownProduct            404
    │   ├── ImageNotFound             404
    │   ├── FeedbackOff               404   this service takes no feedback
    │   └── InvalidImage              422   a picture that cannot be used
    │       ├── NotAnImage            422   the bytes are no picture, or a broken data URI
    │       ├── CorruptImage          422   a picture that breaks off or is damaged
    │       ├── UnsupportedImage      415   a picture in another format
    │       ├── UrlRefused            400   a picture's URL that this service does not fetch
    │       ├── ImageNotFetched       422   a picture's URL that gave no picture in time
    │       ├── ImageTooLarge         413   too many bytes or pixels
    │       └── ImageTooSmall         422   too few pixels
    ├── KeyRequired                   401   no API key, or an unknown one
    ├── ForeignRequest                403   under a foreign name, or from a page of another site
    ├── ScopeMissing                  403   the API key does not open this route
    ├── ClientGone                    499   the client closed its connection; only log and metrics see it
    ├── Overloaded                    429   with Retry-After
    │   └── RateLimited               429   too many requests with one key
    ├── StoreUnavailable              503   the vector store does not answer
    │   ├── StoreLocked               503   another process holds the local store file
    │   ├── StoreUnusable             503   the local store's folder cannot be opened
    │   ├── StoreFull                 503   the disk is full; nothing was written
    │   ├── IndexLost                 503   no products, though there are many images
    │   └── ImageStoreUnavailable     503   the pictures' store does not answer
    │       └── ImageDamaged          503   a stored file is not the image that was put in
    ├── TooManyConnections            503   as many connections are open as the service takes
    ├── ShuttingDown                  503   the service is about to end
    ├── EncoderMismatch               503   the collection was built by another encoder
    ├── TitleSearchUnavailable        503   hybrid search where words are not searched
    ├── RerankRequired                503   the caller insisted on reranking and it failed
    ├── ConfigurationError            500   a setting is wrong; raised at start, never by a request
    │   ├── UnknownEncoder            500
    │   └── EncoderUnavailable        500   a known encoder whose files are missing or unusable
    └── InternalFault                 500   anything that should not have happened

``detail`` is always a sentence written here or built from checked values: the words of a foreign exception may hold
memory addresses and paths (CVE-2026-22778), so they never reach a client. They stay in ``__cause__`` for the log.
"""

from collections.abc import Mapping
from typing import ClassVar

PROBLEM_NAMESPACE = "urn:withthis:problem:"


class WithThisError(Exception):
    """Base of all errors: HTTP ``status``, stable ``type`` slug, ``title``, and ``detail`` that says what to do."""

    status: ClassVar[int] = 500
    type: ClassVar[str] = "error"
    title: ClassVar[str] = "Something went wrong"
    default_detail: ClassVar[str] = "The request could not be completed. Try again; if it fails again, look at the log."

    def __init__(self, detail: str | None = None, **extensions: object) -> None:
        """Take a ``detail`` in place of the class's own text and extra members for the problem document."""
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
    """Neither a text nor a picture was given."""

    type = "empty-query"
    title = "The query is empty"
    default_detail = "Give a text, a picture, or both."


class UnknownField(InvalidInput):
    """The request names a field that does not exist."""

    type = "unknown-field"
    title = "The request has an unknown field"
    default_detail = "Remove the unknown field. The known fields are listed at /schema."


class InvalidValue(InvalidInput):
    """A known field holds a value out of its range or of the wrong kind."""

    type = "invalid-value"
    title = "A field has a value that is not allowed"
    default_detail = "Correct the value. The allowed values are listed at /schema."


class FilterError(InvalidInput):
    """A filter that cannot be understood; the detail names the place."""

    type = "invalid-filter"
    title = "The filter cannot be understood"
    default_detail = 'Write the filter like {"category": {"eq": "mug"}, "price": {"lte": 30}}.'


class FeedError(InvalidInput):
    """A product feed that cannot be read at all (single bad rows are rejected, not raised)."""

    type = "invalid-feed"
    title = "The feed cannot be read"
    default_detail = (
        "Give a folder of pictures, a CSV, TSV, JSON, JSONL or Parquet file with a column named image, or a Hugging "
        "Face dataset saved to disk."
    )


class ChangedIds(FeedError):
    """A feed whose products are in the catalog under other ids."""

    type = "changed-ids"
    title = "The products are in the catalog under other ids"
    default_detail = (
        "The images of this feed are in the catalog already, under other ids, so that indexing would double it. Name "
        "the column of the ids that are in use with --column id=NAME. If these are other products with the same "
        "images, run again with --new-ids."
    )


class BodyTooLarge(InvalidInput):
    """The request body exceeds the limit."""

    status = 413
    type = "body-too-large"
    title = "The request is too large"
    default_detail = "Send a smaller request; reduce the picture before sending it."


class TooManyValues(InvalidInput):
    """JSON that holds more values than its route can take; found before they are parsed."""

    type = "too-many-values"
    title = "The request holds too many values"
    default_detail = "Send fewer values: shorter lists, a flatter filter, or several requests."


class BodyTimeout(InvalidInput):
    """The body came too slowly, or not at all."""

    status = 408
    type = "body-timeout"
    title = "The request came too slowly"
    default_detail = "The body did not come in time. Send it again, on a faster connection or in smaller requests."


class BadRequest(InvalidInput):
    """What came is not HTTP/1.1; the connection ends."""

    type = "bad-request"
    title = "The request cannot be read"
    default_detail = "This is not a request of HTTP/1.1. Compare it with the description at /schema."


class HeadersTooLarge(InvalidInput):
    """Request line and headers are longer than the limit, or too many; the connection ends."""

    status = 431
    type = "headers-too-large"
    title = "The request's headers are too large"
    default_detail = "Shorten the address or the headers, or send fewer; WITHTHIS_MAX_HEADER_BYTES is their limit."


class HeaderTimeout(InvalidInput):
    """Request line and headers did not come in time; the connection ends."""

    status = 408
    type = "header-timeout"
    title = "The request came too slowly"
    default_detail = "The headers did not come in time. Send the request again on a faster connection."


class UnknownProduct(InvalidInput):
    """No product has this id."""

    status = 404
    type = "unknown-product"
    title = "There is no such product"
    default_detail = "No product has this id. Use an id from a search result or from your feed."


class ImageNotFound(InvalidInput):
    """No stored picture has this key, or the key is malformed."""

    status = 404
    type = "image-not-found"
    title = "There is no such picture"
    default_detail = "No picture has this key. Use an image_url from a search result."


class FeedbackOff(InvalidInput):
    """Feedback was sent to a service that takes none."""

    status = 404
    type = "feedback-off"
    title = "This service takes no feedback"
    default_detail = "Feedback is switched off here. Set WITHTHIS_SEARCH_LOG to a folder and WITHTHIS_FEEDBACK to true."


class InvalidImage(InvalidInput):
    """A picture that cannot be used."""

    status = 422
    type = "invalid-image"
    title = "The picture cannot be used"
    default_detail = "Send a JPEG, PNG or WebP picture."


class NotAnImage(InvalidImage):
    """The bytes are no picture, or a data URI is malformed."""

    type = "not-an-image"
    title = "This is not a picture"
    default_detail = "The data is not a picture. Send the bytes of a JPEG, PNG or WebP file."


class CorruptImage(InvalidImage):
    """A picture that breaks off or is damaged."""

    type = "corrupt-image"
    title = "The picture is damaged"
    default_detail = "The picture is damaged or breaks off. Save it again and send the new file."


class UnsupportedImage(InvalidImage):
    """A picture in a format that is not accepted."""

    status = 415
    type = "unsupported-image"
    title = "The picture's format is not supported"
    default_detail = "Only JPEG, PNG and WebP pictures are accepted. Convert the picture to one of them."


class UrlRefused(InvalidImage):
    """The URL of a picture, or one that it redirects to, is none that this service fetches."""

    status = 400
    type = "url-refused"
    title = "Pictures are not fetched from there"
    default_detail = "Only http and https addresses of allowed hosts are fetched. Send the picture itself instead."


class ImageNotFetched(InvalidImage):
    """The URL of a picture gave none in time."""

    type = "image-not-fetched"
    title = "The picture could not be fetched"
    default_detail = "No picture came from that address in time. Check the address, or send the picture itself."


class ImageTooLarge(InvalidImage):
    """Too many bytes or too many pixels."""

    status = 413
    type = "image-too-large"
    title = "The picture is too large"
    default_detail = "Reduce the picture and send it again."


class ImageTooSmall(InvalidImage):
    """Too few pixels to see anything."""

    type = "image-too-small"
    title = "The picture is too small"
    default_detail = "Send a larger picture."


class Overloaded(WithThisError):
    """All workers are busy and the queue is full."""

    status = 429
    type = "overloaded"
    title = "The service is busy"
    default_detail = "All workers are busy. Try again after the number of seconds in Retry-After."

    def __init__(self, detail: str | None = None, *, retry_after_s: int = 1) -> None:
        """``retry_after_s`` goes into the Retry-After header."""
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class ClientGone(WithThisError):
    """The client closed its connection before it was answered. The status is the one that nginx counts it under."""

    status = 499
    type = "client-gone"
    title = "The client is gone"
    default_detail = "The connection was closed before the answer was there. Ask again."


class RateLimited(Overloaded):
    """Too many requests with one key, or from one address."""

    type = "rate-limited"
    title = "Too many requests"
    default_detail = "This key or address has used up its requests. Try again after the seconds in Retry-After."


class KeyRequired(WithThisError):
    """No API key was sent, or one that is not known."""

    status = 401
    type = "key-required"
    title = "An API key is needed"
    default_detail = "Send a valid key in the header X-API-Key, or as Authorization: Bearer, followed by the key."


class ForeignRequest(WithThisError):
    """A request to a service without keys, under a name that is not its own or from a page of another site."""

    status = 403
    type = "foreign-request"
    title = "This request comes from elsewhere"
    default_detail = (
        "Without API keys this service answers under its own names and to its own pages alone. Call it by an address "
        "of this machine, or have the name added to WITHTHIS_ALLOWED_HOSTS and the page to WITHTHIS_CORS_ORIGINS."
    )


class ScopeMissing(WithThisError):
    """A known API key that does not open this route."""

    status = 403
    type = "scope-missing"
    title = "This API key may not do that"
    default_detail = "Use a key with the scope of this route, or have the scope added to this one."


class StoreUnavailable(WithThisError):
    """The vector store does not answer or refuses the work."""

    status = 503
    type = "store-unavailable"
    title = "The product store does not answer"
    default_detail = "The product store cannot be reached. Try again in a moment; `withthis doctor` says what is wrong."


class StoreLocked(StoreUnavailable):
    """Another process holds the local store file."""

    type = "store-locked"
    title = "The product store is in use by another process"
    default_detail = (
        "The local store file belongs to one process at a time and another one has it open. While a service has it, "
        "search with `withthis search --url`, and change products with `withthis index --url` or `PUT /v1/products`. "
        "Or stop that process, or run a Milvus server and name it in WITHTHIS_STORE_URI."
    )


class StoreUnusable(StoreUnavailable):
    """The place of the local store cannot be opened, and waiting does not help."""

    type = "store-unusable"
    title = "The product store cannot be opened"
    default_detail = (
        "The store's folder cannot be made, read or written. Check WITHTHIS_DATA_DIR and WITHTHIS_STORE_URI, and who "
        "may write there."
    )


class IndexLost(StoreUnavailable):
    """The index has no products, and the image store is full."""

    type = "index-lost"
    title = "The index has no products"
    default_detail = (
        "The index is empty, and there are many images of products: it may have been lost, or be another one. Restore "
        "it, or fill it with `withthis index FEED`. If it is meant to be empty, run `withthis gc --delete-most`."
    )


class StoreFull(StoreUnavailable):
    """The disk of the store, or of the images, takes no more."""

    type = "store-full"
    title = "The disk is full"
    default_detail = (
        "The disk that holds the catalog is full, so the change was not taken. Free some space and send it again; "
        "searches go on."
    )


class ImageStoreUnavailable(StoreUnavailable):
    """The place where the catalogue's pictures lie does not answer or refuses the work."""

    type = "image-store-unavailable"
    title = "The picture store does not answer"
    default_detail = (
        "The picture store cannot be reached. Try again in a moment; if it stays away, check WITHTHIS_IMAGES_URL and "
        "its credentials."
    )


class ImageDamaged(ImageStoreUnavailable):
    """The stored file of an image is not what was put in: cut off, emptied or overwritten since."""

    type = "image-damaged"
    title = "The stored image is damaged"
    default_detail = (
        "The stored file is not the image that was put in. Send its product again with the image, or index its feed "
        "again: both write the file anew."
    )


class TooManyConnections(WithThisError):
    """As many connections are open as the service takes; the connection ends."""

    status = 503
    type = "too-many-connections"
    title = "Too many connections are open"
    default_detail = "Use connections again rather than opening new ones, or try again in a moment."


class ShuttingDown(WithThisError):
    """The service was told to stop and takes no new work."""

    status = 503
    type = "shutting-down"
    title = "The service is stopping"
    default_detail = "The service is stopping. Send the request to another instance, or again when it is back."


class EncoderMismatch(WithThisError):
    """The collection was built by another encoder than the one in use."""

    status = 503
    type = "encoder-mismatch"
    title = "The products were indexed with another encoder"
    default_detail = (
        "The collection was built with another encoder, so its vectors cannot be compared. Set WITHTHIS_ENCODER back, "
        "or index the feed into a new collection (WITHTHIS_COLLECTION)."
    )


class TitleSearchUnavailable(WithThisError):
    """Hybrid search was asked for, and the words of this catalog are not searched."""

    status = 503
    type = "title-search-unavailable"
    title = "Words cannot be searched here"
    default_detail = "The words of products in this store are not searched. Leave hybrid out, or use another store."


class RerankRequired(WithThisError):
    """The caller asked for reranking or nothing, and reranking failed."""

    status = 503
    type = "rerank-required"
    title = "Reranking is not available"
    default_detail = "Reranking failed and the request requires it. Try again, or leave rerank.require out."

    def __init__(self, detail: str | None = None, *, fault: str | None = None, degraded: str | None = None) -> None:
        """Take what was wrong (`rerank.ranking.Fault`, `Degraded`), so that it is counted as in an answer."""
        super().__init__(detail)
        self.fault = fault
        self.degraded = degraded


class ConfigurationError(WithThisError):
    """A setting is wrong; raised when the service or a command starts."""

    type = "configuration"
    title = "A setting is wrong"
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
    default_detail = "The encoder's files are missing or damaged. Install it again or set WITHTHIS_ENCODER_PATH."


class InternalFault(WithThisError):
    """Anything that should not have happened; the log holds the cause."""

    type = "internal-fault"
    title = "Something went wrong inside the service"
    default_detail = "The service failed on this request. It has been logged; the service goes on."

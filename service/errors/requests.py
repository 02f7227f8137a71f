# ruff: noqa: N818 (the tree says what they are; a suffix on every name would only make them longer)
"""What the caller can fix: requests that are not valid, not allowed, or ask for what is not there."""

from service.errors.problem import WithThisError


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


class EmbeddingRefused(InvalidInput):
    """The embedding server does not accept a text or an image."""

    status = 422
    type = "embedding-refused"
    title = "The text or image cannot be embedded"
    default_detail = (
        "The embedding server does not accept this text or image: it is too long or too large for the model, or of a "
        "kind that it does not read. Shorten the text, or send a smaller image."
    )


class UnknownProduct(InvalidInput):
    """No product has this id."""

    status = 404
    type = "unknown-product"
    title = "There is no such product"
    default_detail = "No product has this id. Use an id from a search result or from your feed."


class UnknownCatalog(InvalidInput):
    """No catalog has this name, or the API key is bound to others: which of them is not told."""

    status = 404
    type = "unknown-catalog"
    title = "There is no such catalog"
    default_detail = "There is no catalog of this name, or this key does not open it. Check the name and the key."


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


class RulesOff(InvalidInput):
    """Rules were sent to a service that has no file for them."""

    status = 404
    type = "rules-off"
    title = "This service keeps no rules"
    default_detail = (
        "Rules are kept in a file. Set WITHTHIS_RULES to one, which may be empty, or name one for this catalog in "
        "WITHTHIS_CATALOGS, and start the service again."
    )


class ClientGone(WithThisError):
    """The client closed its connection before it was answered. 499 is the status that nginx uses."""

    status = 499
    type = "client-gone"
    title = "The client disconnected"
    default_detail = "The connection was closed before the response was ready. Send the request again."


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

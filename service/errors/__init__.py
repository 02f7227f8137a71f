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
    │   ├── UnknownCatalog            404   or one that the API key is not bound to
    │   ├── FeedbackOff               404   this service accepts no feedback
    │   ├── RulesOff                  404   this service has no file of rules
    │   ├── EmbeddingRefused          422   the embedding server does not accept a text or an image
    │   └── InvalidImage              422   an image that cannot be used
    │       ├── NotAnImage            422   the bytes are not an image, or the data URI is malformed
    │       ├── CorruptImage          422   an image that is truncated or damaged
    │       ├── UnsupportedImage      415   an image in another format
    │       ├── UrlRefused            400   an image URL that this service does not fetch
    │       ├── ImageNotFetched       422   an image URL that returned no image in time
    │       ├── ImageTooLarge         413   too many bytes or pixels
    │       └── ImageTooSmall         422   too few pixels
    │           └── CropTooSmall      400   too few pixels in a region of an image
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
    ├── EmbeddingServerUnavailable    503   the embedding server does not answer, or not with embeddings
    ├── EncoderMismatch               503   the collection was built by another encoder
    ├── TitleSearchUnavailable        503   hybrid search on a store without lexical search
    ├── RulesNotSaved                 503   the file of rules cannot be written
    ├── RerankRequired                503   the caller required reranking and it failed
    ├── ConfigurationError            500   an invalid setting; raised at startup, never by a request
    │   ├── UnknownEncoder            500
    │   └── EncoderUnavailable        500   a known encoder whose files are missing or unusable
    └── InternalFault                 500   anything that should not have happened

`detail` is always a sentence written here or built from validated values: the message of a foreign exception may
contain memory addresses and paths (CVE-2026-22778), so it never reaches a client. It stays in `__cause__` for the log.
"""

from service.errors.availability import (
    EmbeddingServerUnavailable,
    EncoderMismatch,
    ImageDamaged,
    ImageStoreUnavailable,
    IndexLost,
    Overloaded,
    RateLimited,
    RerankRequired,
    RulesNotSaved,
    ShuttingDown,
    StoreFull,
    StoreLocked,
    StoreUnavailable,
    StoreUnusable,
    TitleSearchUnavailable,
    TooManyConnections,
)
from service.errors.configuration import (
    ConfigurationError,
    EncoderUnavailable,
    InternalFault,
    UnknownEncoder,
)
from service.errors.images import (
    CorruptImage,
    CropTooSmall,
    ImageNotFetched,
    ImageTooLarge,
    ImageTooSmall,
    InvalidImage,
    NotAnImage,
    UnsupportedImage,
    UrlRefused,
)
from service.errors.problem import (
    PROBLEM_NAMESPACE,
    WithThisError,
)
from service.errors.requests import (
    BadRequest,
    BodyTimeout,
    BodyTooLarge,
    ChangedIds,
    ClientGone,
    EmbeddingRefused,
    EmptyQuery,
    FeedbackOff,
    FeedError,
    FilterError,
    ForeignRequest,
    HeadersTooLarge,
    HeaderTimeout,
    ImageNotFound,
    InvalidInput,
    InvalidValue,
    KeyRequired,
    RulesOff,
    ScopeMissing,
    TooManyValues,
    UnknownCatalog,
    UnknownField,
    UnknownProduct,
)

__all__ = [
    "PROBLEM_NAMESPACE",
    "BadRequest",
    "BodyTimeout",
    "BodyTooLarge",
    "ChangedIds",
    "ClientGone",
    "ConfigurationError",
    "CorruptImage",
    "CropTooSmall",
    "EmbeddingRefused",
    "EmbeddingServerUnavailable",
    "EmptyQuery",
    "EncoderMismatch",
    "EncoderUnavailable",
    "FeedError",
    "FeedbackOff",
    "FilterError",
    "ForeignRequest",
    "HeaderTimeout",
    "HeadersTooLarge",
    "ImageDamaged",
    "ImageNotFetched",
    "ImageNotFound",
    "ImageStoreUnavailable",
    "ImageTooLarge",
    "ImageTooSmall",
    "IndexLost",
    "InternalFault",
    "InvalidImage",
    "InvalidInput",
    "InvalidValue",
    "KeyRequired",
    "NotAnImage",
    "Overloaded",
    "RateLimited",
    "RerankRequired",
    "RulesNotSaved",
    "RulesOff",
    "ScopeMissing",
    "ShuttingDown",
    "StoreFull",
    "StoreLocked",
    "StoreUnavailable",
    "StoreUnusable",
    "TitleSearchUnavailable",
    "TooManyConnections",
    "TooManyValues",
    "UnknownCatalog",
    "UnknownEncoder",
    "UnknownField",
    "UnknownProduct",
    "UnsupportedImage",
    "UrlRefused",
    "WithThisError",
]

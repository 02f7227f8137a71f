"""Limits that the schemas name and the search keeps."""

MAX_FACETS = 16

MAX_RANGES = 50
"""Ranges or bounds of one facet."""

MAX_SORT_KEYS = 4

MAX_CANDIDATES = 100
"""Products of a search that are reranked."""

MAX_DEADLINE_MS = 600_000
"""Of reranking; a service may allow less."""

MAX_GROUP_SIZE = 50
DEFAULT_GROUP_SIZE = 5
"""Members of a group that its result shows, besides the product itself."""

DEFAULT_LAMBDA = 0.7
"""Carbonell and Goldstein suggest to begin with 0.3 and to focus with 0.7; a shop's query is focused."""

MAX_CURSOR_CHARS = 16_384

MAX_INSTRUCTION_CHARS = 2000

DEFAULT_DUPLICATE_THRESHOLD = 0.98
"""With the starter encoder: no two of 480 demo products are that alike, and a photo saved again as JPEG of quality 60
is (0.99 in the median of 24). Other encoders have other cosines."""

MAX_QUERY_IMAGES = 5
"""Each is decoded and embedded: a query with five takes the encoder as long as five queries."""

MAX_BATCH_SEARCHES = 20
"""Searches in one request: a few seconds' work, so that whoever waits for the same slot need not wait for minutes."""

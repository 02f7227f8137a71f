"""What passes through the pipeline: batches of lines, pickled, one lot per block.

Pickled because attributes must come out exactly as they went in: columns of Arrow would turn an integer among numbers
into a float. One lot per block because Ray's limits on memory count blocks and their bytes.
"""

import pickle
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from service.catalog.rows import FeedRow, Reject
from service.errors import WithThisError

LOT_ROWS = 32
"""Most lines in one lot: decoded images of the usual 1024 pixels are 3 MB each."""

Lines = list[FeedRow | Reject]
_COLUMN = "lot"


def pack(lot: Sequence[FeedRow | Reject] | WithThisError) -> pa.Table:
    """A block with one lot. An error of ours travels in its place, to be raised where it is reported to the user."""
    data = pickle.dumps(lot, protocol=pickle.HIGHEST_PROTOCOL)
    return pa.table({_COLUMN: pa.array([data], pa.large_binary())})


def unpack(block: pa.Table) -> Iterator[list[Any]]:
    """The lots in a block, as they were put in. Raises the error that an earlier stage has put there."""
    for cell in block.column(_COLUMN):
        lot = pickle.loads(cell.as_buffer())
        if isinstance(lot, WithThisError):
            raise lot
        yield lot

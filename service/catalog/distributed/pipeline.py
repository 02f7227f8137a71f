"""The Ray Data pipeline: lines → images → vectors, in the feed's order and in bounded memory."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import ray.data
from ray.data import DataContext, Datasource
from ray.data.block import BlockMetadata
from ray.data.datasource import ReadTask

from service.catalog.distributed.cluster import EncoderPool
from service.catalog.distributed.known import StoredImages
from service.catalog.distributed.lots import LOT_ROWS, Lines, unpack
from service.catalog.distributed.stages import LoadEncoder, MakeVectors, ReadLines, read_images
from service.catalog.document_form import DocumentForm
from service.catalog.row_images import RowImageReader

# Reading images waits for disks and networks about as long as it computes. That it is another share than the
# encoders' also keeps Ray from putting both into one worker.
_CPUS_OF_A_READER = 0.5
# The reader of lines waits most of the time, for room. It must not hold a CPU that the reader of images needs.
_CPUS_OF_THE_FEED = 0
# Less than any lot: each lot stays a block of its own, so that workers get equal shares of any feed.
_BLOCK_BYTES = 1


@dataclass(frozen=True, slots=True)
class Pipeline:
    """What to read, and with what. `batch` images are encoded at once."""

    lines: ReadLines
    reader: RowImageReader
    stored: StoredImages
    load: LoadEncoder
    form: DocumentForm
    pool: EncoderPool
    batch: int

    def run(self) -> Iterator[Lines]:
        """Lots in the feed's order, as they become ready; work ahead of the caller is limited by Ray's object store."""
        with DataContext.current(_context()):
            blocks = self._dataset().iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=1)
            for block in blocks:
                yield from unpack(block)

    def _dataset(self) -> ray.data.Dataset:
        lines = ray.data.read_datasource(_Feed(self.lines), override_num_blocks=1, num_cpus=_CPUS_OF_THE_FEED)
        images = lines.map_batches(
            read_images,
            batch_size=1,
            batch_format="pyarrow",
            fn_kwargs={"reader": self.reader, "stored": self.stored},
            num_cpus=_CPUS_OF_A_READER,
        )
        return images.map_batches(
            MakeVectors,
            batch_size=max(1, self.batch // self.lines.rows),
            batch_format="pyarrow",
            fn_constructor_kwargs={"load": self.load, "form": self.form},
            compute=ray.data.ActorPoolStrategy(size=self.pool.size),
            num_cpus=self.pool.num_cpus,
            num_gpus=self.pool.num_gpus,
        )


def lot_rows(batch: int) -> int:
    """Lines in a lot where `batch` images are encoded at once."""
    return min(batch, LOT_ROWS)


class _Feed(Datasource):  # type: ignore[misc]
    """A feed as a source of Ray Data with one task."""

    def __init__(self, lines: ReadLines) -> None:
        super().__init__()
        self._lines = lines

    def get_read_tasks(self, parallelism: int, *_: Any, **__: Any) -> list[ReadTask]:
        return [ReadTask(self._lines, BlockMetadata(None, None, None, None))]

    def estimate_inmemory_data_size(self) -> int | None:
        return None


def _context() -> DataContext:
    """Settings for this pipeline alone; the process's own stay as they are."""
    context = DataContext.get_current().copy()
    context.enable_progress_bars = False
    context.execution_options.preserve_order = True
    context.target_max_block_size = _BLOCK_BYTES
    return context

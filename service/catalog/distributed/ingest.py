"""The driver of an ingest on Ray: starts the pipeline, names and writes the rows that come out of it."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from ray.data.exceptions import ExecutionTimeoutError
from ray.exceptions import RayError

from service.catalog.distributed.cluster import RayOptions, connected
from service.catalog.distributed.known import StoredImages
from service.catalog.distributed.pipeline import Pipeline, lot_rows
from service.catalog.distributed.remote_encoder import RemoteEncoder
from service.catalog.distributed.stages import LoadEncoder, ReadLines
from service.catalog.document_form import DocumentForm
from service.catalog.documents import Documents
from service.catalog.ingest import DEFAULT_BATCH
from service.catalog.ingest_run import IngestReport, IngestRun, Progress
from service.catalog.readers import Columns, feed_folder, open_feed
from service.catalog.rejects import RejectFile
from service.catalog.row_images import ImageFetcher, RowImageReader
from service.catalog.rows import FeedRow
from service.errors import InternalFault
from service.images.decode import ImageLimits
from service.images.store.image_store import ImageStore
from service.stores.store import Store
from service.support.batches import in_batches

_FAILED = (
    "A step of the pipeline failed on Ray, perhaps for lack of memory; see Ray's logs (in the folder of its "
    "session on the node that failed, usually /tmp/ray/session_latest/logs). Run the command again: it resumes where "
    "it stopped."
)


def ingest_on_ray(
    feed: Path,
    load: LoadEncoder,
    store: Store,
    images: ImageStore,
    *,
    ray_options: RayOptions,
    columns: Columns | None = None,
    limits: ImageLimits | None = None,
    fetcher: ImageFetcher | None = None,
    rejects_path: Path | None = None,
    batch: int = DEFAULT_BATCH,
    new_ids: bool = False,
    document: DocumentForm | None = None,
    folder: Path | None = None,
    delete_missing: bool = False,
    delete_most: bool = False,
    progress: Progress | None = None,
) -> IngestReport:
    """Bring a feed into the store, as `service.catalog.ingest.ingest` does, on a Ray cluster.

    `load` is called on the cluster, once for each encoder. The feed, its images and the image store must be at the
    same place for all nodes: a shared folder or URLs. Raises what `ingest` raises, ConfigurationError without a
    cluster, and `InternalFault` if work fails on Ray, or stands still there.
    """
    feed, columns = feed.resolve(), columns or Columns()
    source = open_feed(feed, columns)
    with ExitStack() as stack:
        survey = stack.enter_context(source.survey())  # a feed that cannot be read is reported before Ray is started
        pool, rejects = stack.enter_context(connected(ray_options)), stack.enter_context(RejectFile(rejects_path))
        stack.enter_context(_our_errors())
        encoder = RemoteEncoder(load, pool)
        documents = Documents(encoder, document)
        documents.bind(store)
        encoder.release()
        pipeline = Pipeline(
            lines=ReadLines(feed, columns, lot_rows(batch)),
            reader=RowImageReader(folder or feed_folder(feed), limits or ImageLimits(), images, fetcher),
            stored=StoredImages.of(store),
            load=load,
            form=documents.form,
            pool=pool,
            batch=batch,
        )
        run = IngestRun(
            documents,
            store,
            images,
            survey,
            notes=source.notes(survey),
            rejects=rejects,
            progress=progress,
            new_ids=new_ids,
            delete_missing=delete_missing,
            delete_most=delete_most,
        )
        _carry_out(run, pipeline, batch)
        encoder.release()
    return run.report


def _carry_out(run: IngestRun, pipeline: Pipeline, batch: int) -> None:
    """Take the pipeline's rows. Those without a vector, which were stored when the run began and are no more (or under
    another number), are encoded when the pipeline has given its GPUs back.
    """
    late: list[FeedRow] = []
    for lines in pipeline.run():
        late += run.add_made(run.take(lines))
        run.tell()
    for part in in_batches(late, batch):
        run.encode(part)
        run.tell()
    run.finish()


@contextmanager
def _our_errors() -> Iterator[None]:
    """Errors of ours come through the pipeline as they are; this is about those of Ray.

    It repeats the work of lost workers without end, but gives up when nothing has moved for half an hour.
    """
    try:
        yield
    except (RayError, ExecutionTimeoutError) as error:
        raise InternalFault(_FAILED) from error

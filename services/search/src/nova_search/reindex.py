"""The job that fills the vector index from the event store: after a change of the embedding model, or a loss.

Every transcript, analysis and document is brought up to its history, as if its events came again; what is
there already is not embedded again, so that a job that was interrupted goes on. New content comes to the
indexer meanwhile.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence

from nova_common import aws, job
from nova_common.backoff import Backoff
from nova_common.embeddings import EmbeddingError
from nova_common.job import JobError
from nova_common.scans import each_aggregate
from nova_common.vector_index import IndexBusyError, IndexMismatchError

from nova_search.settings import JobSettings
from nova_search.worker import Indexer, indexer

ATTEMPTS_MAX = 6
BACKOFF = Backoff(first=2.0, last=30.0)
"""In seconds: a model or an index that is busy for a minute ends the job."""

logger = logging.getLogger(__name__)


class Reindex:
    """One run over the whole store."""

    def __init__(self, indexer: Indexer) -> None:
        self._indexer = indexer
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter(aggregates=0, vectors=0)

    def visit(self, aggregate: str, events: int) -> None:
        """Bring one aggregate up to its history; JobError when the model or the index stay busy."""
        del events
        for attempt in range(1, ATTEMPTS_MAX + 1):
            try:
                put = self._indexer.catch_up(aggregate)
            except (EmbeddingError, IndexBusyError) as error:
                if attempt == ATTEMPTS_MAX:
                    message = f"{error}; what was indexed stays: start it again later"
                    raise JobError(message) from error
                time.sleep(BACKOFF.pause_seconds(attempt))
            else:
                with self._lock:
                    self._counts.update(aggregates=1 if put is not None else 0, vectors=put or 0)
                return

    def report(self) -> Mapping[str, int]:
        """Return how many aggregates can be found, and how many vectors were missing."""
        return dict(self._counts)


def run(settings: JobSettings, arguments: Sequence[str]) -> Mapping[str, object]:
    """Fill the index that the environment names."""
    if arguments:
        message = f"unknown arguments: {', '.join(arguments)}; there are none"
        raise JobError(message)
    try:
        reindex = Reindex(indexer(settings.stores))
    except IndexMismatchError as error:
        raise JobError(str(error)) from error
    started = time.monotonic()
    each_aggregate(aws.dynamodb(settings.stores.region), settings.stores.event_store_table, reindex.visit)
    return {**reindex.report(), "seconds": round(time.monotonic() - started, 1)}


def main() -> None:
    """Run the job."""
    job.main(JobSettings.from_env, lambda settings: settings.server, run)


if __name__ == "__main__":
    main()

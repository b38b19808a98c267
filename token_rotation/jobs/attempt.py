"""One attempt at a job: from the state where it begins to its end, or the end of its time."""

from __future__ import annotations

from collections.abc import Callable

from django.db.models import QuerySet

from token_rotation.jobs.batch import Batches
from token_rotation.jobs.collection.enumerator import Enumerator
from token_rotation.jobs.collection.rows import Rows
from token_rotation.jobs.job import Job
from token_rotation.jobs.loop import JobLoop
from token_rotation.jobs.outcome import Outcome
from token_rotation.jobs.pace import JobPace
from token_rotation.jobs.record import JobRecord
from token_rotation.jobs.state import JobState
from token_rotation.operations.errors import NotRunningError
from token_rotation.stop import StopSignal


class Attempt:
    """``state`` is how far it has come. It calls what the job declares to be called then.

    Raises CollectionError.
    """

    def __init__(self, job: Job, record: JobRecord, state: JobState) -> None:
        self._job = job
        self._record = record
        self._batches = Batches(job, enumerator_of(job), record)
        self.state = state

    @property
    def is_exactly_once(self) -> bool:
        return self._batches.is_exactly_once

    def run(
        self,
        stop: StopSignal,
        *,
        observe: Callable[[JobState], None] = lambda _: None,
        at_most_seconds: float | None = None,
    ) -> Outcome:
        """Raises NotRunningError, TooManySetAsideError, and what the job raises."""

        def reach(state: JobState) -> None:
            self.state = state
            observe(state)

        pace = JobPace(self._job, self._record.database)
        loop = JobLoop(
            self._job,
            self._batches,
            self._record,
            pace,
            stop=stop,
            observe=reach,
            at_most_seconds=at_most_seconds,
        )
        try:
            self._job.after_start(self.state)
            return loop.run(self.state)
        except NotRunningError:
            raise
        except Exception as error:
            self._job.after_error(self.state, error)
            raise


def enumerator_of(job: Job) -> Enumerator:
    """Return what the job goes through. Raises CollectionError."""
    collection = job.collection()
    if isinstance(collection, QuerySet):
        return Rows(collection, lock=job.atomic)
    return collection

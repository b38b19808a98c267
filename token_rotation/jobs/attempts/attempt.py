"""One attempt at a job: wait, batch, store, until the collection or the time is over."""

from __future__ import annotations

import time
from collections.abc import Callable

from token_rotation.jobs.attempts.batch import Batches
from token_rotation.jobs.attempts.pace import WorkerPace
from token_rotation.jobs.attempts.retries import Retries
from token_rotation.jobs.collection.of_job import enumerator_of
from token_rotation.jobs.job import Job
from token_rotation.jobs.outcome import Outcome
from token_rotation.jobs.record import JobRecord
from token_rotation.jobs.state import JobState
from token_rotation.operations.errors import NotRunningError
from token_rotation.stop import StopSignal


class Attempt:
    """Goes through a job's collection. ``state`` is how far it has come.

    It ends at ``stop``, and after ``at_most_seconds``: a worker then hands the job to the next one.
    ``observe`` hears of each batch that is stored. Raises CollectionError.
    """

    def __init__(
        self,
        job: Job,
        record: JobRecord,
        state: JobState,
        pace: WorkerPace,
        *,
        stop: StopSignal,
        observe: Callable[[JobState], None] = lambda _: None,
        at_most_seconds: float | None = None,
    ) -> None:
        self._job = job
        self._record = record
        self._batches = Batches(job, enumerator_of(job), record)
        self._pace = pace
        self._stop = stop
        self._observe = observe
        self._ends_at = None if at_most_seconds is None else time.monotonic() + at_most_seconds
        self._retries = Retries(job, stop, record.note)
        self._waits_for = ""
        self.state = state

    @property
    def is_exactly_once(self) -> bool:
        """Return True where no item is processed again after a kill."""
        return self._batches.is_exactly_once

    def run(self) -> Outcome:
        """Work until an end, and call what the job declares to be called then.

        Raises NotRunningError, TooManySetAsideError, and what the job raises.
        """
        try:
            self._job.after_start(self.state)
            return self._go_through()
        except NotRunningError:
            raise
        except Exception as error:
            self._job.after_error(self.state, error)
            raise
        finally:
            self._pace.close()

    def _go_through(self) -> Outcome:
        has_failed = False
        while True:
            if self._stop.requested:
                return Outcome.STOPPED
            if self._ends_at is not None and time.monotonic() >= self._ends_at:
                return Outcome.UNFINISHED
            try:
                if has_failed:  # the answer to the last COMMIT may be what was lost
                    self.state, has_failed = self._record.read(), False
                if self._waits():
                    continue
                began_at = time.monotonic()
                with self._pace.batch():
                    after = self._batches.next(self.state, self._pace.items)
            except self._job.retry_for as error:
                has_failed = True
                self._retries.wait_after(error)
                continue
            self._retries.succeeded()
            if after is None:
                return Outcome.COMPLETE
            self._pace.batch_done(after.gone - self.state.gone, began_at)
            self.state = after
            self._observe(after)

    def _waits(self) -> bool:
        """Wait once, where the pace or the job says so; hear what is asked for meanwhile."""
        was_paused = self._pace.is_paused
        self._hear()
        if self._pace.is_paused != was_paused:
            self._record.note("paused" if self._pace.is_paused else "goes on")
            self._record.write(self.state)
        if self._pace.is_paused and not was_paused:
            self._job.after_pause(self.state)
        wait = self._pace.next_wait()
        reason = wait.reason if wait is not None and wait.is_trouble else ""
        if reason and reason != self._waits_for:
            self._job.logger.info("%s waits: %s", self._job.name, reason)
            self._record.note(f"waits: {reason}")
        self._waits_for = reason
        if wait is not None:
            self._stop.wait(wait.seconds)
        return wait is not None

    def _hear(self) -> None:
        operation = self._record.operation
        if operation.stop_requested_at is not None:
            self._stop.request()
        self._pace.hear(operation.control_data)

"""One batch: read, processed and stored, in one transaction where that is possible."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace

from django.db import transaction

from token_rotation.jobs.collection.enumerator import Entry, Enumerator
from token_rotation.jobs.errors import TooManySetAsideError
from token_rotation.jobs.job import Job
from token_rotation.jobs.record import JobRecord
from token_rotation.jobs.state import JobState
from token_rotation.operations.errors import OperationError
from token_rotation.operations.failures.describe import describe
from token_rotation.operations.failures.time_limit import is_time_limit
from token_rotation.postgres.transaction_settings import limited_lock_waits


class Batches:
    """Takes a job from one state to the next."""

    def __init__(self, job: Job, enumerator: Enumerator, record: JobRecord) -> None:
        self._job = job
        self._enumerator = enumerator
        self._record = record
        self._never_set_aside: tuple[type[Exception], ...] = (OperationError, *job.retry_for)
        self._is_whole = job.atomic and enumerator.database == record.database

    @property
    def is_exactly_once(self) -> bool:
        return self._is_whole

    def next(self, state: JobState, items: int) -> JobState | None:
        """Process and store the next batch; None at the end of the collection.

        A batch that fails is gone through item by item, and what fails by itself is set aside.

        Raises what may pass (``retry_for``) with nothing of the batch stored, and
        TooManySetAsideError.
        """
        try:
            return self._together(state, items)
        except self._never_set_aside:
            raise
        except Exception as error:
            if is_time_limit(error):
                raise
            if items == 1:
                return self._alone(state)
        for _ in range(items):
            after = self._alone(state)
            if after is None:
                break
            state = after
        return state

    def _together(self, state: JobState, items: int) -> JobState | None:
        with self._one_transaction():
            entries = self._enumerator.entries(state.cursor, items)
            if not entries:
                return None
            self._job.process_batch([entry.item for entry in entries])
            after = state.after(len(entries), entries[-1].cursor)
            self._record.write(after)
        return after

    def _alone(self, state: JobState) -> JobState | None:
        """Process the next item; set it aside where it fails by itself."""
        entries: Sequence[Entry] = ()
        try:
            with self._one_transaction():
                entries = self._enumerator.entries(state.cursor, 1)
                if not entries:
                    return None
                self._job.process_batch([entries[0].item])
                after = state.after(1, entries[0].cursor)
                self._record.write(after)
        except self._never_set_aside:
            raise
        except Exception as error:
            if not entries or is_time_limit(error):
                raise
            after = self._set_aside(state, entries[0], error)
        return after

    def _set_aside(self, state: JobState, entry: Entry, error: Exception) -> JobState:
        reason = describe(error)
        after = state.without(entry.key, f"{replace(reason, traceback='')}", entry.cursor)
        if after.failed > self._job.set_aside_at_most:
            raise TooManySetAsideError(
                f"{after.failed} items failed, the last at {entry.key}: {reason.type}"
            ) from error
        self._record.write(after)
        return after

    @contextmanager
    def _one_transaction(self) -> Iterator[None]:
        database = self._enumerator.database
        if database is None:
            yield
            return
        whole = transaction.atomic(using=database) if self._is_whole else nullcontext()
        with limited_lock_waits(database, self._job.lock_timeout_ms), whole:
            yield

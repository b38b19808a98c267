"""One batch: read, processed and stored, in one transaction where that is possible."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from itertools import islice

from django.db import transaction

from token_rotation.jobs.beginning.runs import sharing
from token_rotation.jobs.collection.enumerator import Entry, Enumerator, SplitEnumerator
from token_rotation.jobs.errors import CollectionError, TooManySetAsideError
from token_rotation.jobs.job import Job
from token_rotation.jobs.outcome import described
from token_rotation.jobs.record import JobRecord, state_of
from token_rotation.jobs.state import JobState, Span
from token_rotation.operations.errors import OperationError
from token_rotation.operations.failures.time_limit import is_time_limit
from token_rotation.postgres.transaction_settings import limited_lock_waits


class Batches:
    """Takes a job from one state to the next.

    ``is_exactly_once``: a batch and its state are one transaction.
    """

    def __init__(self, job: Job, enumerator: Enumerator, record: JobRecord) -> None:
        self._job = job
        self._enumerator = enumerator
        self._record = record
        self._never_set_aside: tuple[type[Exception], ...] = (OperationError, *job.retry_for)
        self._alone = 0
        self.is_exactly_once = job.atomic and enumerator.database == record.database

    def next(self, state: JobState, items: int) -> JobState | None:
        """Process and store the next batch; None at the end of the collection.

        The items of a batch that fails come again one by one, in the next calls. What fails by
        itself is set aside.

        Raises what may pass (``retry_for``) with nothing of the batch stored, and
        TooManySetAsideError.
        """
        entries: list[Entry] = []
        try:
            after = self._process(state, 1 if self._alone else items, entries)
        except self._never_set_aside:
            raise
        except Exception as error:
            if is_time_limit(error) or not entries:
                raise
            if len(entries) > 1:
                self._alone = len(entries)
                return state
            after = self._set_aside(state, entries[0], error)
        self._alone = max(0, self._alone - 1)
        return after if entries else state.in_next_span()

    def _process(self, state: JobState, items: int, entries: list[Entry]) -> JobState | None:
        """Process so many items, which are put into ``entries``; None where there are none."""
        with self._transaction():
            entries.extend(self._read(state.spans[0], items))
            if not entries:
                return None
            self._job.process_batch([entry.item for entry in entries])
            after = state.after(len(entries), entries[-1].cursor)
            if self.is_exactly_once:
                self._record.write(after)
        if not self.is_exactly_once:  # after the COMMIT: better twice than never
            self._record.write(after)
        return after

    def _read(self, span: Span, items: int) -> Sequence[Entry]:
        """Read no more than so many. Raises CollectionError where that would have no end."""
        if isinstance(self._enumerator, SplitEnumerator):
            read = self._enumerator.entries_of(span, items)
        else:
            read = self._enumerator.entries(span.after, items)
        entries = list(islice(read, items))
        if entries and entries[-1].cursor is not None and entries[-1].cursor == span.after:
            raise CollectionError(
                f"{self._job.name}: the cursor of {entries[-1].key} is the one before it, so that "
                "the same items would come again and again"
            )
        return entries

    def _set_aside(self, state: JobState, entry: Entry, error: Exception) -> JobState:
        reason = described(self._job, error)
        after = state.without(entry.key, f"{replace(reason, traceback='')}", entry.cursor)
        failed = after.failed + self._failed_in_other_shares()
        if failed > self._job.set_aside_at_most:
            raise TooManySetAsideError(
                f"{failed} items failed, the last at {entry.key}: {reason.type}"
            ) from error
        self._record.write(after)
        return after

    def _failed_in_other_shares(self) -> int:
        operation = self._record.operation
        others = (each for each in sharing(operation) if each.pk != operation.pk)
        return sum(state_of(each).failed for each in others)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """One on the database of the items, if they are in one."""
        database = self._enumerator.database
        if database is None:
            yield
            return
        whole = transaction.atomic(using=database) if self._job.atomic else nullcontext()
        with limited_lock_waits(database, self._job.lock_timeout_ms), whole:
            yield

"""One connection that rotates key ranges."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import ceil
from typing import TypeVar

from token_rotation.engine.batches.batch import BatchRunner
from token_rotation.engine.batches.batch_outcome import BatchOutcome
from token_rotation.engine.batches.pending_rows import PendingRows
from token_rotation.engine.batches.range_rotation import RangeRotation
from token_rotation.engine.batches.range_update import RangeUpdate
from token_rotation.engine.batches.refusals import Refusals
from token_rotation.engine.batches.written_rows import WrittenRows
from token_rotation.engine.passes.allocator import Allocator
from token_rotation.engine.passes.pass_outcome import PassOutcome, left_of
from token_rotation.engine.row_limit import RowLimit
from token_rotation.engine.writers.choose import keeping_writer, writer_of
from token_rotation.errors import AbortedError, DatabaseGoneError
from token_rotation.events import Observer, Waiting
from token_rotation.notify.announcements import Announcements
from token_rotation.options import RotationOptions
from token_rotation.pacing.throttle import Throttle, Wait
from token_rotation.pacing.worker_pace import WorkerPace
from token_rotation.postgres.backoff import Backoff
from token_rotation.postgres.connection import Connection
from token_rotation.postgres.reading import is_reachable
from token_rotation.postgres.retrying import RetryLoop
from token_rotation.postgres.silence.bounds import USUAL
from token_rotation.selection.key_range import EVERY_KEY, KeyRange
from token_rotation.selection.leak_list import LeakList
from token_rotation.selection.marked_table import MarkedTable
from token_rotation.selection.target import of_tokens
from token_rotation.stop import StopSignal

Answer = TypeVar("Answer")

TELL_EVERY_SECONDS = 2.0
PROBE_SECONDS = 2
EMPTY_BATCHES = 20
"""Others may have rotated so many in a row; from then on, each range is looked at."""


class Worker:
    """A worker: rotates ranges from an allocator one by one.

    It ends when the allocator has none left.

    Each worker has a connection, a batch size and retries of its own. All workers share the
    throttle and the row limit.
    """

    def __init__(
        self,
        target: MarkedTable,
        options: RotationOptions,
        *,
        throttle: Throttle,
        row_limit: RowLimit,
        observe: Observer,
        stop: StopSignal,
        clock: Callable[[], float],
        refusals: Refusals,
        number: int = 0,
        bounds: KeyRange = EVERY_KEY,
        leak_list: LeakList | None = None,
    ) -> None:
        self.target = target
        self._row_limit = row_limit
        self._refusals = refusals
        self._observe = observe
        self._stop = stop
        self._clock = clock
        self._tell_at = clock() + TELL_EVERY_SECONDS
        self._empty_batches = 0
        self._is_looking = False
        silence = replace(USUAL, standby_seconds=options.retry_seconds)
        self.connection = connection = Connection(
            target.database,
            connect_seconds=max(2, min(10, ceil(options.retry_seconds / 2))),
            bounds=silence,
            observe=observe,
        )
        self.announcements = Announcements(target)
        self.pace = WorkerPace(
            options, throttle, observe=observe, stop=stop, clock=clock, rank=number
        )
        backoff = Backoff(options.retry_seconds)
        self.retrying = RetryLoop(
            connection, backoff=backoff, stop=stop, observe=observe, clock=clock
        )
        lock_timeout_ms = options.lock_timeout_ms
        self.pending = pending = PendingRows(
            connection,
            target,
            lock_timeout_ms=lock_timeout_ms,
            bounds=bounds,
            leak_list=leak_list,
            excluded=lambda: refusals.excluded,
        )
        writer = writer_of(
            connection,
            target,
            pending,
            independent_tokens=options.independent_tokens,
            largest_batch_rows=self.pace.largest_batch_rows,
        )
        self._update = update = RangeUpdate(
            connection,
            target,
            writer,
            pending=pending,
            announcements=self.announcements,
            lock_timeout_ms=lock_timeout_ms,
        )
        self.batches = BatchRunner(
            update,
            pending,
            refusals,
            aborted=lambda: stop.aborted,
            ended=lambda: stop.requested or refusals.is_over,
            row_patience=max(1.0, options.retry_seconds / silence.lifeless_seconds),
        )
        self.ranges = RangeRotation(
            self.batches,
            update,
            pending=pending,
            announcements=self.announcements,
            retrying=self.retrying,
            pace=self.pace,
            row_limit=row_limit,
            refusals=refusals,
            observe=observe,
            clock=clock,
        )

    def one_pass(self, allocator: Allocator) -> PassOutcome:
        """Rotate ranges until none is left, or a stop.

        A stop is the row limit, or a wish to end.

        Raises what RetryLoop raises.
        """
        total = PassOutcome()
        self.ranges.check_next()
        while self._may_go_on(allocator):
            batch_rows = self._row_limit.take(self.pace.batch_rows)
            if batch_rows == 0:
                break
            keys = self._next_range(allocator, batch_rows)
            if keys is None:
                self._row_limit.give_back(batch_rows)
                if allocator.is_over:
                    break
                self.tell_of_looking()  # a stretch of keys without a pending row
                continue
            outcome = self.ranges.rotate(keys, batch_rows)
            self._check_advance(keys, outcome)
            self._tell_at = self._clock() + TELL_EVERY_SECONDS
            total += left_of(keys, outcome)
            if outcome.did_not_stick or self._refusals.is_over:
                allocator.close()
        self.announcements.close_receiver_connections()
        return total

    def _check_advance(self, keys: KeyRange, outcome: BatchOutcome) -> None:
        """Raise KeyOrderError where many batches found nothing because the look-up circles."""
        is_empty = outcome.rotated_rows == 0 and outcome.skipped_rows == 0
        self._empty_batches = self._empty_batches + 1 if is_empty else 0
        if self._empty_batches >= EMPTY_BATCHES:
            self.retrying.run(lambda: self.pending.check_order(keys))

    def check_rows(self, triggers: Sequence[str]) -> None:
        """Compare rows with their tokens before each commit from now on.

        ``triggers`` names what may overwrite them.
        """
        target = of_tokens(self.target)
        writer = keeping_writer(self.connection, target, self.pending)
        self._update.check_rows(writer, WrittenRows(self.connection, target, triggers))

    def is_served(self) -> bool:
        """Return True where the server would take a connection now."""
        return is_reachable(self.target.database, connect_seconds=PROBE_SECONDS)

    def tell_of_looking(self) -> None:
        """Report now and then that the look-up takes long.

        It looks for pending rows.
        """
        now = self._clock()
        if now >= self._tell_at:
            self._tell_at = now + TELL_EVERY_SECONDS
            self._observe(Waiting("looking for pending rows among those that are done"))

    def _may_go_on(self, allocator: Allocator) -> bool:
        """Wait, with nothing locked, while the throttle says so.

        Return False at the pass's end, or where others have taken all rows of the limit: the
        throttle may hold this worker back for as long as there is traffic.

        Another worker's error closes the allocator. It is told when all workers have ended.
        """
        while not (self._stop.requested or allocator.is_over or self._row_limit.used_up):
            wait = self.retrying.run(self._next_wait)
            if wait is None:
                return True
            self.pace.keep(wait)
        return False

    def _next_wait(self) -> Wait | None:
        self.connection.open()  # the others wait for the throttle while one reads
        return self.pace.next_wait(self.connection)

    def _next_range(self, allocator: Allocator, batch_rows: int) -> KeyRange | None:
        """Return the next range of about ``batch_rows`` rows.

        None where one look-up found none.
        """

        def look_up() -> KeyRange | None:
            self.connection.open()  # the others wait for the allocator while one looks up
            return allocator.next_range(batch_rows, self.pending)

        try:
            keys = self.look_up(look_up)
        except DatabaseGoneError:
            self._row_limit.give_back(batch_rows)  # for the workers that go on
            raise
        return None if self._stop.requested else keys

    def look_up(self, action: Callable[[], Answer]) -> Answer | None:
        """Return the answer of a look-up, retried as needed; None where the end was asked for."""
        self._is_looking = True
        try:
            return self.retrying.run(action, is_look=True)
        except AbortedError:
            if self._stop.aborted:
                raise
            return None
        finally:
            self._is_looking = False

    def end_look(self) -> None:
        """Cancel a look-up in flight. After the end was asked for, no batch follows it."""
        if self._is_looking:
            self.connection.cancel()

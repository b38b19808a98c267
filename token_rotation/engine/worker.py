"""One connection that rotates key ranges."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import psycopg2
from django.db import OperationalError

from token_rotation.engine.allocator import Allocator
from token_rotation.engine.batch import BatchRunner
from token_rotation.engine.batch_outcome import BatchOutcome, FirstRow
from token_rotation.engine.pass_outcome import PassOutcome, left_of
from token_rotation.engine.row_limit import Allowance
from token_rotation.engine.token_prefix import MOST_ROWS_A_BATCH
from token_rotation.errors import DatabaseGoneError, RotationError
from token_rotation.events import BatchDone, Observer, Waiting
from token_rotation.options import RotationOptions
from token_rotation.pacing.batch_size import AdaptiveBatchSize, BatchSize, FixedBatchSize
from token_rotation.pacing.throttle import Throttle, Wait
from token_rotation.postgres.backoff import Backoff
from token_rotation.postgres.connection import Connection
from token_rotation.postgres.failures import fault_of
from token_rotation.postgres.retrying import RetryLoop
from token_rotation.postgres.sqlstate import Fault
from token_rotation.selection.key_range import EVERY_KEY, KeyRange
from token_rotation.selection.leak_list import LeakList
from token_rotation.selection.target import Target
from token_rotation.stop import StopSignal

TELL_EVERY_SECONDS = 2.0
PROBE_SECONDS = 2


class Worker:
    """Takes ranges from the allocator until there are none, and rotates them one by one.

    It has a connection, a batch size and retries of its own; throttle and allowance are shared.
    """

    def __init__(
        self,
        target: Target,
        options: RotationOptions,
        *,
        throttle: Throttle,
        allowance: Allowance,
        observe: Observer,
        stop: StopSignal,
        clock: Callable[[], float],
        bounds: KeyRange = EVERY_KEY,
        leak_list: LeakList | None = None,
    ) -> None:
        self._throttle = throttle
        self._allowance = allowance
        self._observe = observe
        self._stop = stop
        self._clock = clock
        self._database = target.database
        self.connection = Connection(target.database)
        self._size: BatchSize = (
            AdaptiveBatchSize(options.target_batch_seconds)
            if options.batch_rows is None
            else FixedBatchSize(options.batch_rows)
        )
        is_crowded = self._size.largest_rows > MOST_ROWS_A_BATCH
        self.batches = BatchRunner(
            self.connection,
            target,
            lock_timeout_ms=options.lock_timeout_ms,
            aborted=lambda: stop.aborted,
            independent_tokens=options.independent_tokens or is_crowded,
            bounds=bounds,
            leak_list=leak_list,
        )
        self.persistence = RetryLoop(
            self.connection,
            backoff=Backoff(options.retry_seconds),
            stop=stop,
            observe=observe,
            clock=clock,
        )
        self._started_at = 0.0  # the last batch
        self._has_looked = False  # at what became of a batch in this pass
        self._tell_at = clock() + TELL_EVERY_SECONDS
        self.waited_seconds: dict[str, float] = {}

    def one_pass(self, allocator: Allocator) -> PassOutcome:
        """Rotate ranges until none is left, the limit is reached, or the end is asked for.

        Raises what RetryLoop raises.
        """
        total = PassOutcome()
        self._has_looked = False
        while self._give_way(allocator):
            batch_rows = self._allowance.take(self._throttle.batch_rows(self._size.rows))
            if batch_rows == 0:
                break
            keys = self._next_range(allocator, batch_rows)
            if keys is None:
                self._allowance.give_back(batch_rows)
                if allocator.is_over:
                    break
                self.tell_of_looking()  # a stretch of keys without a pending row
                continue
            outcome = self._rotate_range(keys, batch_rows)
            total += left_of(keys, outcome)
            if not outcome.held:
                allocator.close()
        self.batches.announcements.rest()
        return total

    def _next_range(self, allocator: Allocator, batch_rows: int) -> KeyRange | None:
        """What was taken is left to other workers when this one gives up."""

        def look_up() -> KeyRange | None:
            self.connection.open()  # the others wait for the allocator while one looks up
            return allocator.next_range(batch_rows, self.batches)

        try:
            return self.persistence.run(look_up)
        except DatabaseGoneError:
            self._allowance.give_back(batch_rows)
            raise

    def _rotate_range(self, keys: KeyRange, batch_rows: int) -> BatchOutcome:
        """As ``_one_batch``, again and again as RetryLoop does.

        What has committed counts, also when something after it fails, and even for good: a batch in
        parts, or the look at what is left of it.
        """
        before_rows = self.batches.committed_rows
        try:
            return self.persistence.run(partial(self._one_batch, keys, batch_rows, before_rows))
        except RotationError:
            done_rows = self.batches.committed_rows - before_rows
            self._allowance.give_back(batch_rows - done_rows)
            if done_rows:
                seconds = self._clock() - self._started_at
                self._observe(BatchDone(keys, done_rows, 0, seconds, self._size.rows))
            raise
        finally:
            self.batches.announcements.send()

    def rotate_first(
        self, keys: KeyRange, wait_seconds: float, tell_pid: Callable[[int], None] = lambda _: None
    ) -> FirstRow:
        """Wait for the first pending row of a range and rotate it.

        A row for which others queue is free at no moment, so that no pass finds it so. The caller
        has the announcement sent, from a thread that stays.
        """
        had_at = self._clock()

        def tell_had() -> None:
            nonlocal had_at
            had_at = self._clock()

        taken = self._allowance.take(1)
        became: FirstRow | None = None
        try:
            became = self.batches.rotate_first(keys, wait_seconds, tell_pid, tell_had)
        finally:
            if became is not FirstRow.ROTATED:
                self._allowance.give_back(taken)
        if became is FirstRow.ROTATED:
            seconds = self._clock() - had_at
            self._observe(BatchDone(keys, 1, 0, seconds, self._size.rows))
        return became

    def is_served(self) -> bool:
        """Whether the server would take a connection now. Raises nothing that it does."""
        probe = Connection(self._database, connect_seconds=PROBE_SECONDS)
        try:
            probe.open()
        except (psycopg2.Error, OperationalError):
            return False
        finally:
            probe.close()
        return True

    def tell_of_looking(self) -> None:
        """Say now and then that looking for pending rows takes long."""
        now = self._clock()
        if now >= self._tell_at:
            self._tell_at = now + TELL_EVERY_SECONDS
            self._observe(Waiting("looking for pending rows among those that are done"))

    def _one_batch(self, keys: KeyRange, batch_rows: int, before_rows: int) -> BatchOutcome:
        """Rotate a range of about ``batch_rows`` rows; ``before_rows`` had committed before it.

        When it is tried again after a time-out, the batch size was cut: then only the first part,
        and the rest is left to the next pass.
        """
        done_rows = self.batches.committed_rows - before_rows  # before the fault
        if self._size.rows < batch_rows:
            keys = self.batches.first_part(keys, self._size.rows)
        limit_rows = batch_rows - done_rows if self._allowance.is_limited else None
        rotate = self.batches.rotate if self._has_looked else self.batches.rotate_and_look
        self._started_at = started_at = self._clock()
        try:
            now_done = rotate(keys, limit_rows)
        except psycopg2.Error as error:
            if fault_of(error) is Fault.TIMED_OUT:
                self._size.cut()
            raise
        seconds = self._clock() - started_at
        self._has_looked = True
        self._tell_at = self._clock() + TELL_EVERY_SECONDS
        self._size.record(now_done.rotated_rows, seconds)
        outcome = now_done + BatchOutcome(done_rows)
        self._allowance.give_back(batch_rows - outcome.rotated_rows)
        self._throttle.batch_done(outcome.rotated_rows, started_at)
        next_batch_rows = self._throttle.batch_rows(self._size.rows)
        self._observe(
            BatchDone(
                keys,
                outcome.rotated_rows,
                outcome.skipped_rows,
                seconds,
                next_batch_rows,
                is_giving_way=next_batch_rows < self._size.rows and self._throttle.meets_traffic,
            )
        )
        return outcome

    def _give_way(self, allocator: Allocator) -> bool:
        """Hold nothing and wait while the throttle says so; False when nothing is left to do.

        Another worker's error closes the allocator, and is told when all have come to an end.
        """
        while not (self._stop.requested or allocator.is_over):
            wait = self.persistence.run(self._next_wait)
            if wait is None:
                return True
            if wait.is_trouble:
                self._observe(Waiting(wait.reason))
            self._wait(wait.kind, wait.seconds)
        return False

    def _next_wait(self) -> Wait | None:
        self.connection.open()  # the others wait for the throttle while one reads
        return self._throttle.next_wait(self.connection)

    def _wait(self, kind: str, seconds: float) -> None:
        started_at = self._clock()
        self._stop.wait(seconds)
        waited_seconds = self._clock() - started_at
        self.waited_seconds[kind] = self.waited_seconds.get(kind, 0.0) + waited_seconds

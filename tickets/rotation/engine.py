"""The loop that rotates a target."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import psycopg2

from tickets.rotation.batch import BatchOutcome, BatchRunner
from tickets.rotation.connection import Connection, fault_of
from tickets.rotation.errors import UnyieldingRowsError
from tickets.rotation.events import BatchDone, Observer, Waiting
from tickets.rotation.health import make_throttle
from tickets.rotation.key_range import Key, KeyRange
from tickets.rotation.options import RotationOptions
from tickets.rotation.pacing import AdaptiveBatchSize, BatchSize, FixedBatchSize
from tickets.rotation.patience import Patience
from tickets.rotation.persistence import Persistence
from tickets.rotation.result import Outcome, Result
from tickets.rotation.retry import Backoff, Fault
from tickets.rotation.stop import StopSignal
from tickets.rotation.target import Target

FRUITLESS_PASSES = 3
PASSES_IN_VAIN = 20


class Rotation:
    """Rotates every pending row of a target.

    1. Find the key range of the next batch: the n-th pending key above the last one.
    2. Rotate the range in one short transaction; rows that others hold are left for later.
    3. At the end of a pass look afresh: nothing pending means complete. The data decides, never
       the loop's own count, and a batch without rows is not the end.
    4. Rows still pending start another pass; when all of them are locked, wait for them a bounded
       time.

    Between any two statements the process may die: what committed is done, the rest is pending.
    """

    def __init__(
        self,
        target: Target,
        options: RotationOptions,
        *,
        observe: Observer,
        stop: StopSignal,
        clock: Callable[[], float],
    ) -> None:
        self._target = target
        self._options = options
        self._observe = observe
        self._stop = stop
        self._clock = clock
        self._connection = Connection(target.database)
        self._batches = BatchRunner(
            self._connection, target, lock_timeout_ms=options.lock_timeout_ms
        )
        self._persistence = Persistence(
            self._connection,
            backoff=Backoff(options.retry_seconds),
            stop=stop,
            observe=observe,
            clock=clock,
        )
        self._size: BatchSize = (
            AdaptiveBatchSize(options.target_batch_seconds)
            if options.batch_rows is None
            else FixedBatchSize(options.batch_rows)
        )
        self._throttle = make_throttle(options, self._connection, clock)
        self._patience = Patience(
            target,
            self._connection,
            at_most_seconds=options.wait_for_locks_seconds,
            persistence=self._persistence,
            stop=stop,
            observe=observe,
            clock=clock,
        )
        self.result = Result()

    def run(self) -> Result:
        """Rotate until nothing is pending, the limit is reached, or the end is asked for.

        Raises a RotationError when it cannot go on; ``result`` then says how far it came.
        """
        started_at = self._clock()
        self._stop.on_abort(self._connection.cancel)
        try:
            self.result.outcome = self._passes()
        finally:
            self.result.seconds = self._clock() - started_at
            self.result.retries = self._persistence.retries
            if self._patience.waited_seconds:
                self.result.waited_seconds["row locks"] = self._patience.waited_seconds
            self._connection.close()
        return self.result

    def _passes(self) -> Outcome:
        fruitless = in_vain = 0
        fewest_left = math.inf
        while not self._ended():
            before = self.result.rotated_rows
            skipped_rows, held = self._one_pass()
            if self._ended():
                break
            if not self._persistence.run(self._batches.any_pending):
                self.result.skipped_rows = 0
                return Outcome.COMPLETE
            fewer = skipped_rows == 0 or skipped_rows < fewest_left
            fewest_left = min(fewest_left, skipped_rows or math.inf)
            if held and fewer and self.result.rotated_rows > before:
                fruitless = in_vain = 0
                self._patience.renew()
            elif skipped_rows:
                in_vain += 1
                locked = not self._patience.wait()
                if not locked and in_vain == PASSES_IN_VAIN and not self._patience.blockers:
                    raise self._unyielding()
                if locked or in_vain == PASSES_IN_VAIN:
                    self.result.skipped_rows = skipped_rows
                    self.result.blockers = self._patience.blockers
                    return Outcome.ROWS_LOCKED
            else:
                fruitless += 1
            if fruitless == FRUITLESS_PASSES:
                raise self._unyielding()
        return Outcome.STOPPED if self._stop.requested else Outcome.LIMIT_REACHED

    def _unyielding(self) -> UnyieldingRowsError:
        return UnyieldingRowsError(
            f"rows of {self._target.table} stay pending after an UPDATE without an error, and "
            "nobody holds them: another trigger, a rule or a row-security policy undoes or "
            f"suppresses it. Look at the table's definition, then: {self._target.command}"
        )

    def _ended(self) -> bool:
        return self._stop.requested or self._rows_allowed() == 0

    def _rows_allowed(self) -> int | None:
        limit_rows = self._options.limit_rows
        return None if limit_rows is None else max(0, limit_rows - self.result.rotated_rows)

    def _one_pass(self) -> tuple[int, bool]:
        """Every key range once, in order: rows skipped, and whether the change held."""
        after: Key | None = None
        skipped_rows = 0
        while not self._ended():
            self._give_way()
            if self._ended():
                break
            batch = self._persistence.run(partial(self._one_batch, after))
            if batch is None:
                break
            keys, outcome = batch
            skipped_rows += outcome.skipped_rows
            if not outcome.held:
                return skipped_rows, False
            after = keys.upper
        return skipped_rows, True

    def _next_batch_rows(self) -> int:
        rows = self._throttle.batch_rows(self._size.rows)
        allowed = self._rows_allowed()
        return rows if allowed is None else min(rows, allowed)

    def _give_way(self) -> None:
        """Hold nothing and wait for as long as the throttle says so."""
        while not self._stop.requested:
            wait = self._persistence.run(self._throttle.next_wait)
            if wait is None:
                return
            if wait.is_trouble:
                self._observe(Waiting(wait.reason))
            self._wait(wait.kind, wait.seconds)

    def _wait(self, kind: str, seconds: float) -> None:
        started_at = self._clock()
        self._stop.wait(seconds)
        waited = self.result.waited_seconds
        waited[kind] = waited.get(kind, 0.0) + self._clock() - started_at

    def _one_batch(self, after: Key | None) -> tuple[KeyRange, BatchOutcome] | None:
        """Rotate the next range above ``after``; None when nothing is pending there.

        A batch that runs into a time-out is tried again smaller.
        """
        batch_rows = self._next_batch_rows()
        started_at = self._clock()
        self._throttle.batch_starts()
        try:
            upper = self._batches.upper_key(after, batch_rows)
            if upper is None:
                return None
            keys = KeyRange(after, upper)
            limit_rows = None if self._options.limit_rows is None else batch_rows
            if after is None:
                outcome = self._batches.rotate_and_look(keys, limit_rows)
            else:
                outcome = self._batches.rotate(keys, limit_rows)
        except psycopg2.Error as error:
            if fault_of(error) is Fault.TIMED_OUT:
                self._size.cut()
            raise
        self._count(keys, outcome, self._clock() - started_at)
        return keys, outcome

    def _count(self, keys: KeyRange, outcome: BatchOutcome, seconds: float) -> None:
        self._size.record(outcome.rotated_rows, seconds)
        self._throttle.batch_done(outcome.rotated_rows)
        self.result.rotated_rows += outcome.rotated_rows
        self.result.batches += 1
        self._observe(
            BatchDone(keys, outcome.rotated_rows, outcome.skipped_rows, seconds, self._size.rows)
        )

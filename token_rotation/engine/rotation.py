"""The loop that rotates a target."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from threading import Lock

from token_rotation.engine.allocator import Allocator, ByList, InKeyOrder, InTurn
from token_rotation.engine.batch_outcome import FirstRow
from token_rotation.engine.patience import Patience
from token_rotation.engine.result import Outcome, Result
from token_rotation.engine.row_limit import Allowance
from token_rotation.engine.worker import Worker
from token_rotation.engine.worker_pool import WorkerPool
from token_rotation.errors import UnyieldingRowsError
from token_rotation.events import BatchDone, Event, Observer, Remark, Waiting
from token_rotation.maintenance.background_vacuum import Upkeep
from token_rotation.options import RotationOptions
from token_rotation.pacing.health import make_throttle
from token_rotation.pacing.pace import Pace
from token_rotation.selection.key_range import EVERY_KEY, KeyRange
from token_rotation.selection.leak_list import LeakList
from token_rotation.selection.target import Target
from token_rotation.stop import StopSignal
from token_rotation.targets.lookup import chunk_lines

FRUITLESS_PASSES = 3
PASSES_IN_VAIN = 20
ROWS_OF_A_LOOK = 10_000
TRY_ONE_ROW_SECONDS = 0.2


class Rotation:
    """Rotates every pending row of a target.

    1. An allocator hands out key ranges in order: the next n pending keys above the last one.
    2. Workers, each with a connection of its own, rotate a range in one short transaction; rows
       that others hold are left for later.
    3. At the end of a pass look afresh: nothing pending means complete. The data decides, never
       the loop's own count, and a batch without rows is not the end.
    4. Rows still pending start another pass; when all of them are locked, wait for them a bounded
       time.

    Between any two statements the process may die: what committed is done, the rest is pending.

    With ``bounds`` it knows nothing of keys outside of them; the bounds may be given as text. With
    ``leak_list`` the rows that it names come first in each pass; the target's selection says
    whether there are others.
    """

    def __init__(
        self,
        target: Target,
        options: RotationOptions,
        *,
        observe: Observer,
        stop: StopSignal,
        clock: Callable[[], float],
        bounds: KeyRange = EVERY_KEY,
        leak_list: LeakList | None = None,
    ) -> None:
        self._target = target
        self._bounds = bounds
        self._leak_list = leak_list
        self._observer = observe
        self._observing = Lock()
        self._stop = stop
        self._clock = clock
        self._allowance = Allowance(options.limit_rows)
        self._throttle = throttle = make_throttle(options, clock)
        self._workers = [
            Worker(
                target,
                options,
                throttle=throttle,
                allowance=self._allowance,
                observe=self._observe,
                stop=stop,
                clock=clock,
                bounds=bounds,
                leak_list=leak_list,
            )
            for _ in range(options.workers)
        ]
        self._pool = WorkerPool(self._workers, observe=self._observe, stop=stop)
        self._upkeep = Upkeep(
            target,
            options.vacuum_every_percent,
            meets_traffic=lambda: throttle.meets_traffic,
            holds_back=lambda: throttle.holds_back,
            observe=self._observe,
        )
        self._patience = Patience(
            target.database,
            at_most_seconds=options.wait_for_locks_seconds,
            stop=stop,
            observe=self._observe,
            clock=clock,
        )
        self.result = Result()

    def run(self) -> Result:
        """Rotate until nothing is pending, the limit is reached, or the end is asked for.

        Raises a RotationError when it cannot go on; ``result`` then says how far it came.
        """
        started_at = self._clock()
        self._stop.on_abort(self._cancel)
        self._upkeep.begin()
        try:
            self.result.outcome = self._passes()
        finally:
            self.result.seconds = self._clock() - started_at
            self._upkeep.close()
            self.sum_up()
            for worker in self._workers:
                worker.connection.close()
        return self.result

    def change_pace(self, pace: Pace) -> None:
        """Go on at another pace from the next batch on. From any thread."""
        self._throttle.change(pace)
        self._observe(Remark(f"The pace was changed: {pace}."))

    def _cancel(self) -> None:
        for worker in self._workers:
            worker.connection.cancel()

    def sum_up(self) -> None:
        """Bring ``result`` up to date. From any thread, any number of times."""
        waited_seconds: dict[str, float] = {}
        for worker in self._workers:
            for kind, seconds in worker.waited_seconds.copy().items():
                waited_seconds[kind] = waited_seconds.get(kind, 0.0) + seconds
        for kind in waited_seconds:
            waited_seconds[kind] /= len(self._workers)
        if self._patience.waited_seconds:
            waited_seconds["row locks"] = self._patience.waited_seconds
        self.result.waited_seconds = waited_seconds
        self.result.retries = sum(worker.persistence.retries for worker in self._workers)
        self.result.vacuums = self._upkeep.vacuums
        self.result.no_vacuum_because = self._upkeep.left_out_because
        self.result.vacuum_seconds = self._upkeep.seconds

    def _passes(self) -> Outcome:
        fruitless = in_vain = 0
        fewest_left = math.inf
        seen_rows = self.result.rotated_rows
        while not self._ended():
            left = self._pool.one_pass(self._allocator())
            if self._ended():
                break
            if not self._pool.by_one(self._any_pending):
                self.result.skipped_rows = 0
                return Outcome.COMPLETE
            fewer = left.skipped_rows == 0 or left.skipped_rows < fewest_left
            fewest_left = min(fewest_left, left.skipped_rows or math.inf)
            has_progressed = self.result.rotated_rows > seen_rows
            seen_rows = self.result.rotated_rows  # what a wait rotates counts for the next pass
            if left.held and fewer and has_progressed:
                fruitless = in_vain = 0
                self._patience.renew()
            elif left.skipped_rows:
                in_vain += 1
                keys = left.skipped or self._bounds
                locked = not self._pool.by_one(partial(self._patience.wait, keys=keys))
                if self._ended():
                    break
                if not locked and in_vain == PASSES_IN_VAIN and self._resists(keys):
                    raise self._unyielding()
                if locked or in_vain == PASSES_IN_VAIN:
                    self.result.skipped_rows = left.skipped_rows
                    self.result.blockers = self._patience.blockers
                    return Outcome.ROWS_LOCKED
            else:
                fruitless += 1
                if fruitless >= FRUITLESS_PASSES and self._resists(left.stuck):
                    raise self._unyielding()
        return Outcome.STOPPED if self._stop.requested else Outcome.LIMIT_REACHED

    def _resists(self, keys: KeyRange | None) -> bool:
        """Whether a row stays pending under an UPDATE that nobody can come between.

        Rows that are asked for again at the same moment look as if they had.
        """
        if keys is None:
            return False

        def try_first(worker: Worker) -> FirstRow:
            return worker.persistence.run(partial(worker.rotate_first, keys, TRY_ONE_ROW_SECONDS))

        return self._pool.by_one(try_first) is FirstRow.RESISTS

    def _unyielding(self) -> UnyieldingRowsError:
        return UnyieldingRowsError(
            f"rows of {self._target.table} stay pending after an UPDATE without an error, and "
            "nobody holds them: another trigger, a rule or a row-security policy undoes or "
            "suppresses it. Look at the table's definition"
        )

    def _ended(self) -> bool:
        return self._stop.requested or self._allowance.used_up

    def _allocator(self) -> Allocator:
        in_key_order = InKeyOrder(self._clock, after=self._bounds.after)
        if self._leak_list is None:
            return in_key_order
        by_list = ByList(self._leak_list.chunks(chunk_lines(self._target, self._leak_list)))
        return by_list if self._target.selection.is_list_only else InTurn(by_list, in_key_order)

    def _any_pending(self, worker: Worker) -> bool:
        """Look at the data afresh. Where no index holds just what is pending, in short steps."""
        run, batches = worker.persistence.run, worker.batches
        if self._leak_list is None and self._target.selection.is_indexed:
            return run(batches.any_pending)
        allocator = self._allocator()
        while not (allocator.is_over or self._stop.requested):
            if run(partial(allocator.next_range, ROWS_OF_A_LOOK, batches)) is not None:
                return True
            worker.tell_of_looking()
        return self._stop.requested

    def _observe(self, event: Event) -> None:
        """Count and pass on, one event at a time whatever the number of workers."""
        with self._observing:
            if isinstance(event, BatchDone):
                self.result.rotated_rows += event.rotated_rows
                self.result.batches += 1
                self.result.batch_seconds.record(event.seconds)
                self._upkeep.rotated(event.rotated_rows)
            elif isinstance(event, Waiting):
                self._upkeep.rotated(0)
            self._observer(event)

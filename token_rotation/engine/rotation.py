"""The loop that rotates a target."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from threading import Lock

from token_rotation.engine.batches.refusals import Refusals
from token_rotation.engine.cut_off import CutOff
from token_rotation.engine.lock_wait import LockWait
from token_rotation.engine.overwriting import try_others
from token_rotation.engine.passes.pass_outcome import PassOutcome
from token_rotation.engine.passes.pass_plan import PassPlan
from token_rotation.engine.passes.pass_progress import PassProgress
from token_rotation.engine.passes.recurrence import Recurrence
from token_rotation.engine.result import Outcome, Result, mean_seconds
from token_rotation.engine.row_limit import RowLimit
from token_rotation.engine.sticking import (
    check_order_of_indexes,
    check_that_changes_stick,
    pending_again,
)
from token_rotation.engine.worker import Worker
from token_rotation.engine.worker_pool import WorkerPool
from token_rotation.events import BatchDone, Event, Observer, Remark, Waiting
from token_rotation.maintenance.background_vacuum import BackgroundVacuum
from token_rotation.options import RotationOptions
from token_rotation.pacing.budget.probe import Probe
from token_rotation.pacing.health import make_throttle, traffic_budget
from token_rotation.pacing.pace import Pace
from token_rotation.selection.key_range import EVERY_KEY, KeyRange
from token_rotation.selection.leak_list import LeakList
from token_rotation.selection.marked_table import MarkedTable
from token_rotation.selection.target import Target
from token_rotation.sql.server.probe import probe
from token_rotation.stop import StopSignal
from token_rotation.targets.later_rows import LaterRows

logger = logging.getLogger(__name__)


class Rotation:
    """A rotation of every pending row of a target.

    1. An allocator hands out key ranges in order: the next n pending keys above the last one.
    2. Workers, each with a connection of its own, rotate a range in one short transaction. They
       leave rows that others lock for later.
    3. At the end of a pass look afresh: nothing pending means complete. The data decides, never
       the loop's own count, and a batch without rows is not the end.
    4. Rows still pending start another pass. When all of them are locked, wait for them a bounded
       time. When no pass rotates any, and none is locked, it ends: the read of the table tells why.
       Rows that PostgreSQL refuses are tried once, alone; the rest goes on without them.
       When the same rows are pending again after pass upon pass, it ends with an error.

    The process may die between any two statements: what committed is done, the rest is pending.

    With ``bounds`` the rotation knows nothing of keys outside of them; bounds may be text. With
    ``leak_list`` the rows that it names come first in each pass; the target's selection says
    whether there are others. ``later`` are the rows whose marker was later than the server's clock;
    they come before all others.
    """

    def __init__(
        self,
        target: MarkedTable,
        options: RotationOptions,
        *,
        observe: Observer,
        stop: StopSignal,
        clock: Callable[[], float],
        bounds: KeyRange = EVERY_KEY,
        leak_list: LeakList | None = None,
        later: LaterRows | None = None,
    ) -> None:
        self._target = target
        self._bounds = bounds
        self._observer = observe
        self._observing = Lock()
        self._stop = stop
        self._clock = clock
        self._row_limit = RowLimit(options.limit_rows)
        budget = traffic_budget(options, clock, logger.debug)
        query = probe(target.table, target.key_column)
        self._probe = None if budget is None else Probe(target.database, query, budget)
        self._throttle = throttle = make_throttle(options, clock, budget)
        self._refusals = refusals = Refusals(target, self._observe)
        self._workers = [
            Worker(
                target,
                options,
                throttle=throttle,
                row_limit=self._row_limit,
                observe=self._observe,
                stop=stop,
                clock=clock,
                refusals=refusals,
                number=number,
                bounds=bounds,
                leak_list=leak_list,
            )
            for number in range(options.workers)
        ]
        self._pool = WorkerPool(self._workers, observe=self._observe, stop=stop)
        self._vacuum = BackgroundVacuum(
            target,
            options.vacuum_every_percent,
            meets_traffic=lambda: throttle.may_meet_traffic,
            holds_back=lambda: throttle.holds_back,
            observe=self._observe,
        )
        self._lock_wait = LockWait(
            target.database,
            at_most_seconds=options.wait_for_locks_seconds,
            stop=stop,
            observe=self._observe,
            clock=clock,
        )
        self._plan = PassPlan(
            target, bounds=bounds, leak_list=leak_list, later=later, stop=stop, clock=clock
        )
        self._cut_off = CutOff(target, bounds=bounds, observe=self._observe, stop=stop, clock=clock)
        self._progress = PassProgress()
        self._recurrence = Recurrence(clock, at_most_seconds=options.retry_seconds)
        self.result = Result()

    def run(self) -> Result:
        """Rotate until nothing is pending, or a stop.

        A stop is the row limit, or a wish to end.

        Raises a RotationError when it cannot go on; ``result`` then says how far it came.
        """
        with self._running():
            if isinstance(self._target, Target):
                self._try_others(self._target)
            if self._probe is not None:  # after a worker has its connection: that one must do
                self._probe.begin()
            while not self._ended():
                self._pool.by_one(self._cut_off.wait_for_clock)
                left = self._pool.one_pass(self._plan.allocator())
                self._refusals.end_pass()
                if self._ended():
                    break
                if self._is_over(left):
                    return self.result
            self._end(Outcome.STOPPED if self._stop.requested else Outcome.LIMIT_REACHED)
            return self.result

    def change_pace(self, pace: Pace) -> None:
        """Change the pace from the next batch on.

        Any thread may call it.
        """
        self._throttle.change(pace)
        self._observe(Remark(f"The pace was changed: {pace}."))

    @property
    def meets_traffic(self) -> bool:
        """Whether others are at work, or their transactions took longer lately."""
        return self._throttle.meets_traffic

    def sum_up(self) -> None:
        """Bring ``result`` up to date.

        Any thread may call it, any number of times.
        """
        waited_seconds = mean_seconds([worker.pace.waited_seconds for worker in self._workers])
        if self._lock_wait.waited_seconds:
            waited_seconds["row locks"] = self._lock_wait.waited_seconds
        self.result.waited_seconds = waited_seconds
        self.result.retries = sum(worker.retrying.retries for worker in self._workers)
        self.result.vacuums = self._vacuum.vacuums
        self.result.no_vacuum_because = self._vacuum.left_out_because
        self.result.vacuum_seconds = self._vacuum.seconds
        self.result.refused = self._refusals.so_far

    @contextmanager
    def _running(self) -> Iterator[None]:
        started_at = self._clock()
        self._stop.on_abort(self._cancel)
        self._stop.on_request(self._end_looks)
        self._vacuum.begin()
        try:
            yield
        finally:
            self.result.seconds = self._clock() - started_at
            self._vacuum.close()
            if self._probe is not None:
                self._probe.close()
            self.sum_up()
            for worker in self._workers:
                worker.connection.close()

    def _try_others(self, target: Target) -> None:
        """Try the triggers of others that may overwrite tokens.

        Raises NotReadyError. Where a trial proves nothing, each batch is checked.
        """
        triggers = try_others(target, self._pool)
        if triggers:
            for worker in self._workers:
                worker.check_rows(triggers)
            names = ", ".join(triggers)
            self._observe(Remark(f"Each batch is checked before it commits, because of {names}."))

    def _cancel(self) -> None:
        for worker in self._workers:
            worker.connection.cancel()

    def _end_looks(self) -> None:
        for worker in self._workers:
            worker.end_look()

    def _ended(self) -> bool:
        return self._stop.requested or self._row_limit.used_up

    def _is_over(self, left: PassOutcome) -> bool:
        """Judge a pass by what it left; return True at the end of the rotation.

        Raises UnyieldingRowsError.
        """
        if not self._pool.by_one(self._plan.any_pending):
            return self._end_of_all()
        if self._stop.requested:  # perhaps nobody has looked
            return False
        if self._refusals.is_over:
            return self._end_refused()
        self._check_recurrence(left)
        if self._progress.is_made(left, self.result.rotated_rows):
            self._lock_wait.restart()
        elif left.skipped_rows:
            if self._stays_locked(left.skipped or self._bounds):
                self.result.skipped_rows = left.skipped_rows
                self.result.blockers = self._lock_wait.blockers
                return self._end(Outcome.ROWS_LOCKED)
        elif left.untried_rows:
            return self._end_refused()
        elif self._progress.is_fruitless():
            check_that_changes_stick(self._target, left.stuck, self._pool)
            if self._progress.is_idle:
                self._pool.by_one(check_order_of_indexes)
                return self._end_of_all()
        return False

    def _end_of_all(self) -> bool:
        """End where nothing is pending but refused rows."""
        if self._refusals.so_far:
            return self._end(Outcome.ROWS_REFUSED)
        return self._end(self._pool.by_one(self._cut_off.outcome))

    def _end_refused(self) -> bool:
        """End with rows that were not tried one by one."""
        self._refusals.others_untried = True
        return self._end(Outcome.ROWS_REFUSED)

    def _end(self, outcome: Outcome) -> bool:
        self.result.outcome = outcome
        return True

    def _stays_locked(self, keys: KeyRange) -> bool:
        """Wait for the first pending row of ``keys``.

        Return True when the rotation should wait no more. Raises UnyieldingRowsError.
        """
        is_last = self._progress.is_last_wait()
        is_free = self._pool.by_one(partial(self._lock_wait.wait, keys=keys))
        if self._ended():
            return False
        if is_free and is_last:
            check_that_changes_stick(self._target, keys, self._pool)
        return is_last or not is_free

    def _check_recurrence(self, left: PassOutcome) -> None:
        """Raise UnyieldingRowsError where rows are pending again after each pass."""
        keys = self._pool.by_one(self._plan.first_keys)
        if self._recurrence.is_hopeless(left, self.result.rotated_rows, keys):
            raise pending_again(self._target, self._pool, self._recurrence.passes)

    def _observe(self, event: Event) -> None:
        """Count and pass on events, one at a time.

        The number of workers does not matter.
        """
        with self._observing:
            if isinstance(event, BatchDone):
                self.result.rotated_rows += event.rotated_rows
                self.result.batches += 1
                self.result.batch_seconds.record(event.seconds)
                self._vacuum.rotated(event.rotated_rows)
            elif isinstance(event, Waiting):
                self._vacuum.rotated(0)
            self._observer(event)

"""The start and size of one worker's next batch."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from token_rotation.events import Observer, Waiting
from token_rotation.options import RotationOptions
from token_rotation.pacing.batch_size import AdaptiveBatchSize, BatchSize, FixedBatchSize
from token_rotation.pacing.throttle import Throttle, Wait
from token_rotation.stop import StopSignal


class WorkerPace:
    """One worker's batch size and waits.

    The waits are those of the throttle that all workers share.

    ``waited_seconds`` are by kind of wait. ``rank`` is the worker's place among those that can
    work: the budget lets the first ones do so.
    """

    def __init__(
        self,
        options: RotationOptions,
        throttle: Throttle,
        *,
        observe: Observer,
        stop: StopSignal,
        clock: Callable[[], float],
        rank: int = 0,
    ) -> None:
        self._size: BatchSize = (
            AdaptiveBatchSize(options.target_batch_seconds)
            if options.batch_rows is None
            else FixedBatchSize(options.batch_rows)
        )
        self._throttle = throttle
        self.rank = rank
        self._observe = observe
        self._stop = stop
        self._clock = clock
        self.waited_seconds: dict[str, float] = {}

    @property
    def batch_rows(self) -> int:
        """Return the rows of the next batch.

        Regards the rate asked for and traffic.
        """
        return self._throttle.batch_rows(self._size.rows)

    @property
    def full_batch_rows(self) -> int:
        """Return the rows of a batch by itself.

        Fewer after a time-out.
        """
        return self._size.rows

    @property
    def largest_batch_rows(self) -> int:
        return self._size.largest_rows

    @property
    def giving_way_because(self) -> str:
        """Return why batches are smaller for the sake of traffic, "" where they are not."""
        return self._throttle.giving_way_because if self.batch_rows < self._size.rows else ""

    def next_wait(self, source: Any) -> Wait | None:
        """Return the wait before the next batch.

        None when it may start now.

        The throttle takes its readings from ``source``, the worker's connection.
        """
        return self._throttle.next_wait(source, self.rank)

    def keep(self, wait: Wait) -> None:
        """Wait, and say why unless the operator asked for it.

        A wish to stop ends it at once.
        """
        if wait.is_trouble:
            self._observe(Waiting(wait.reason))
        started_at = self._clock()
        self._stop.wait(wait.seconds)
        waited_seconds = self._clock() - started_at
        self.waited_seconds[wait.kind] = self.waited_seconds.get(wait.kind, 0.0) + waited_seconds

    def batch(self) -> AbstractContextManager[None]:
        """Tell the throttle of a batch that is at work while inside."""
        return self._throttle.batch()

    def learn(self, rows: int, seconds: float) -> None:
        """Learn how long a batch takes."""
        self._size.record(rows, seconds)

    def batch_done(self, rows: int, began_at: float) -> None:
        """Let committed rows count towards the rate."""
        self._throttle.batch_done(rows, began_at)

    def timed_out(self) -> None:
        """Take fewer rows from now on, after a time-out."""
        self._size.cut()

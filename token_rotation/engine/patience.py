"""How long a rotation waits, for rows that others hold."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from token_rotation.engine.batch_outcome import FirstRow
from token_rotation.engine.lock_wait import Blocker, LockWait
from token_rotation.engine.worker import Worker
from token_rotation.events import Observer, Waiting
from token_rotation.postgres.connection import Connection
from token_rotation.selection.key_range import KeyRange
from token_rotation.stop import StopSignal

LOOK_EVERY_SECONDS = 1.0
SHORTEST_LOOK_SECONDS = 0.2


class Patience:
    """Waits for locked rows up to ``at_most_seconds`` since the last progress, and remembers who
    held them.

    A second connection looks meanwhile, and is closed afterwards.
    """

    def __init__(
        self,
        database: str,
        *,
        at_most_seconds: float,
        stop: StopSignal,
        observe: Observer,
        clock: Callable[[], float],
    ) -> None:
        self._database = database
        self._at_most_seconds = at_most_seconds
        self._stop = stop
        self._observe = observe
        self._clock = clock
        self._since: float | None = None
        self.blockers: tuple[Blocker, ...] = ()
        self.waited_seconds = 0.0

    def renew(self) -> None:
        """Rows were rotated: the wait may last its full time again."""
        self._since = None
        self.blockers = ()

    def wait(self, worker: Worker, keys: KeyRange) -> bool:
        """Let ``worker`` wait for the first pending row of a range, and rotate it.

        True as soon as it was had, or the end is asked for; False when the time is up.
        """
        started_at = self._clock()
        self._since = started_at if self._since is None else self._since
        looking = Connection(self._database)
        try:
            deadline = self._since + self._at_most_seconds
            return self._wait_until(worker, keys, deadline, looking)
        finally:
            looking.close()
            self.waited_seconds += self._clock() - started_at

    def _wait_until(
        self, worker: Worker, keys: KeyRange, deadline: float, looking: Connection
    ) -> bool:
        def attempt(wait_seconds: float, tell_pid: Callable[[int], None]) -> bool:
            return worker.rotate_first(keys, wait_seconds, tell_pid) is not FirstRow.HELD

        lock_wait = LockWait(attempt, looking)
        while not self._stop.requested:
            left_seconds = max(SHORTEST_LOOK_SECONDS, deadline - self._clock())
            wait_seconds = min(LOOK_EVERY_SECONDS, left_seconds)
            free, blockers = worker.persistence.run(partial(lock_wait.try_for, wait_seconds))
            if free:
                self.blockers = ()
                return True
            self.blockers = blockers or self.blockers
            names = ", ".join(map(str, blockers)) or "others"
            self._observe(Waiting(f"row locks held by {names}"))
            if self._clock() >= deadline:
                return False
        return True

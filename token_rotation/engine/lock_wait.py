"""Wait for locked rows, and see who locks them.

The wait has a time limit.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Event

from django.db import OperationalError

from token_rotation.engine.batches.first_row import Fate
from token_rotation.engine.result import Blocker
from token_rotation.engine.worker import Worker
from token_rotation.events import Observer, Waiting
from token_rotation.postgres import driver
from token_rotation.postgres.connection import Connection
from token_rotation.postgres.retrying import LastingFaultError
from token_rotation.selection.key_range import KeyRange
from token_rotation.sql.server import activity as activity_sql
from token_rotation.stop import StopSignal

LONGEST_ATTEMPT_SECONDS = 1.0
SHORTEST_ATTEMPT_SECONDS = 0.2
LOOK_AFTER_SECONDS = 0.1


class LockWait:
    """A wait for locked rows, up to ``at_most_seconds``.

    The time counts from the last progress.

    PostgreSQL tells whom a backend waits for only while it really waits. So a worker queues for the
    row, and a second connection asks meanwhile who is ahead of it.
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

    def restart(self) -> None:
        """Let the next wait last its full time again.

        Rows were rotated since the last one.
        """
        self._since = None
        self.blockers = ()

    def wait(self, worker: Worker, keys: KeyRange) -> bool:
        """Let ``worker`` wait for a range's first row, and rotate.

        Waits for the first pending row. True as soon as nobody else locks the row, or the end is
        asked for. False when the time is up; ``blockers`` then holds who was seen last.
        """
        started_at = self._clock()
        self._since = started_at if self._since is None else self._since
        watching = Connection(self._database)
        try:
            return self._wait_until(self._since + self._at_most_seconds, worker, keys, watching)
        finally:
            watching.close()
            self.waited_seconds += self._clock() - started_at

    def _wait_until(
        self, deadline: float, worker: Worker, keys: KeyRange, watching: Connection
    ) -> bool:
        while not self._stop.requested:
            left_seconds = max(SHORTEST_ATTEMPT_SECONDS, deadline - self._clock())
            wait_seconds = min(LONGEST_ATTEMPT_SECONDS, left_seconds)
            attempt = partial(_attempt, worker, keys, wait_seconds, watching)
            try:
                is_free, blockers = worker.retrying.run(attempt)
            except LastingFaultError:  # the next pass looks for the row that is to blame
                is_free, blockers = True, ()
            if is_free:
                self.blockers = ()
                return True
            self.blockers = blockers or self.blockers
            names = ", ".join(map(str, blockers)) or "others"
            self._observe(Waiting(f"row locks held by {names}"))
            if self._clock() >= deadline:
                return False
        return True


def _attempt(
    worker: Worker, keys: KeyRange, wait_seconds: float, watching: Connection
) -> tuple[bool, tuple[Blocker, ...]]:
    """Wait up to ``wait_seconds`` for the row.

    Tells if the row was free in that time, and who was seen in the way.
    """
    is_over = Event()
    with ThreadPoolExecutor(max_workers=1) as pool:
        with worker.ranges.first_row(keys, wait_seconds) as row:
            seen = pool.submit(_blockers_of, row.pid, is_over, watching)
            try:
                row.rotate()
            finally:
                is_over.set()
        return row.fate is not Fate.LOCKED_BY_OTHERS, seen.result()


def _blockers_of(pid: int, is_over: Event, watching: Connection) -> tuple[Blocker, ...]:
    """Return who blocks ``pid``; nobody where that is hidden.

    A hidden blocker is no reason not to wait.
    """
    if is_over.wait(LOOK_AFTER_SECONDS):
        return ()
    try:
        rows = watching.rows(activity_sql.blocking_backends(), {"pid": pid})
    except (driver.Error, OperationalError):
        return ()
    return tuple(Blocker(*row) for row in rows)

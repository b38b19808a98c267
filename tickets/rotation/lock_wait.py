"""Wait for rows that others hold, and say who holds them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

import psycopg2

from tickets.rotation import sql
from tickets.rotation.connection import Connection, fault_of
from tickets.rotation.key_range import EVERY_KEY, KeyRange
from tickets.rotation.retry import Fault
from tickets.rotation.selection_sql import values_of
from tickets.rotation.target import Target

LOOK_AFTER_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Blocker:
    """Who holds a pending row; state and age are None where the role may not see them."""

    pid: int
    state: str | None
    transaction_seconds: float | None

    def __str__(self) -> str:
        age = "–" if self.transaction_seconds is None else f"{self.transaction_seconds:.0f} s"
        return f"pid {self.pid} ({self.state or 'state –'}, transaction open {age})"


class LockWait:
    """Queues for the first pending row on one connection and looks from a second who is ahead.

    Only rows within ``bounds`` count. Only a backend that really waits is told by PostgreSQL whom
    it waits for. The row is let go of as soon as it is had.
    """

    def __init__(
        self,
        waiting: Connection,
        looking: Connection,
        target: Target,
        bounds: KeyRange = EVERY_KEY,
    ) -> None:
        self._waiting = waiting
        self._looking = looking
        self._target = target
        self._bounds = bounds

    def try_for(self, wait_seconds: float) -> tuple[bool, tuple[Blocker, ...]]:
        """Wait up to ``wait_seconds``; whether the row was had, and who was seen in the way."""
        with ThreadPoolExecutor(max_workers=1) as pool:
            pid: Future[int] = Future()
            attempt = pool.submit(self._lock_row, wait_seconds, pid.set_result)
            wait([attempt], timeout=min(LOOK_AFTER_SECONDS, wait_seconds / 2))
            seen = self._blockers(pid.result()) if pid.done() and not attempt.done() else ()
            return attempt.result(), seen

    def _lock_row(self, wait_seconds: float, tell_pid: Callable[[int], None]) -> bool:
        settings = {"lock_timeout_ms": max(1, int(wait_seconds * 1000))}
        query = sql.lock_first_pending(self._target, self._bounds)
        try:
            with self._waiting.transaction(
                sql.LIMIT_LOCK_WAIT, sql.AVOID_FULL_SCANS, values=settings
            ):
                tell_pid(self._waiting.value(sql.BACKEND_PID))
                self._waiting.row(query, values_of(self._target, self._bounds))
        except psycopg2.Error as error:
            if fault_of(error) is Fault.LOCKED:
                return False
            raise
        return True

    def _blockers(self, pid: int) -> tuple[Blocker, ...]:
        rows = self._looking.rows(sql.blocking_backends(), {"pid": pid})
        return tuple(Blocker(*row) for row in rows)

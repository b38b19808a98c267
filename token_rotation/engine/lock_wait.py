"""Wait for rows that others hold, and say who holds them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

import psycopg2
from django.db import OperationalError

from token_rotation.postgres.connection import Connection
from token_rotation.sql import activity as others_sql

LOOK_AFTER_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Blocker:
    """Who holds a pending row; state and age are None where the role may not see them.

    A transaction that was prepared for two-phase commit has no backend: its ``pid`` is 0.
    """

    pid: int
    state: str | None
    transaction_seconds: float | None

    def __str__(self) -> str:
        if self.pid == 0:
            return (
                "a prepared transaction (pg_prepared_xacts lists them; COMMIT PREPARED or ROLLBACK "
                "PREPARED ends one)"
            )
        age = "–" if self.transaction_seconds is None else f"{self.transaction_seconds:.0f} s"
        return f"pid {self.pid} ({self.state or 'state –'}, transaction open {age})"


Attempt = Callable[[float, Callable[[int], None]], bool]
"""Waits up to so many seconds for the row; whether it was had. It tells which backend waits."""


class LockWait:
    """Queues for a row through ``attempt`` and looks from a second connection who is ahead.

    Only a backend that really waits is told by PostgreSQL whom it waits for.
    """

    def __init__(self, attempt: Attempt, looking: Connection) -> None:
        self._attempt = attempt
        self._looking = looking

    def try_for(self, wait_seconds: float) -> tuple[bool, tuple[Blocker, ...]]:
        """Wait up to ``wait_seconds``; whether the row was had, and who was seen in the way."""
        with ThreadPoolExecutor(max_workers=1) as pool:
            pid: Future[int] = Future()
            attempt = pool.submit(self._attempt, wait_seconds, pid.set_result)
            begun: list[Future[Any]] = [attempt, pid]
            wait(begun, timeout=wait_seconds / 2, return_when=FIRST_COMPLETED)
            wait([attempt], timeout=min(LOOK_AFTER_SECONDS, wait_seconds / 2))
            seen = self._blockers(pid.result()) if pid.done() and not attempt.done() else ()
            return attempt.result(), seen

    def _blockers(self, pid: int) -> tuple[Blocker, ...]:
        """Nobody where it cannot be looked at: that is no reason not to wait."""
        try:
            rows = self._looking.rows(others_sql.blocking_backends(), {"pid": pid})
        except (psycopg2.Error, OperationalError):
            return ()
        return tuple(Blocker(*row) for row in rows)

"""Try again while others are in the way of an import."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

from django.db import Error

from tickets.importing.chunk import lost_a_race
from tickets.importing.counts import Counts
from tickets.importing.errors import LockedError, Stopped
from tickets.importing.refusal import DATABASE_ERRORS
from token_rotation.command_line import StopSignal
from token_rotation.postgres import (
    Backoff,
    Fault,
    StillAliveError,
    fault_of,
    limited_lock_waits,
    reason_of,
    table_locks_after,
)

ATTEMPTS = 20
LOCK_WAIT_MS = 3_000
"""Within it the pid that holds a row is told, too; a signal is heard after it."""

LOCKED_AT_MOST_SECONDS = 60.0
BACKOFF = Backoff(LOCKED_AT_MOST_SECONDS, first_seconds=0.02, longest_seconds=1.0)

Answer = TypeVar("Answer")


class Retries:
    """Repeats of whole transactions, bounded in number and in time.

    ``observe`` hears which table is locked by whom. They are counted.
    """

    def __init__(
        self, database: str, counts: Counts, stop: StopSignal, observe: Callable[[object], None]
    ) -> None:
        self._database, self._counts = database, counts
        self._stop, self._observe = stop, observe

    def do(
        self, action: Callable[[], Answer], *, locked_seconds: float = LOCKED_AT_MOST_SECONDS
    ) -> Answer:
        """Return what ``action`` returns in the end.

        A lock is waited for up to ``locked_seconds``, and by no statement for more than 3 s. After
        any other interference each repeat means that another transaction made progress, so there
        are 20.

        Raises Stopped where a stop was requested, LockedError when the time is up, and any other
        database error.
        """
        attempt, locked_since = 0, None
        while True:
            began_at = time.monotonic()
            try:
                with limited_lock_waits(self._database, LOCK_WAIT_MS):
                    return action()
            except DATABASE_ERRORS as error:
                attempt += 1
                is_locked = fault_of(error) is Fault.LOCKED
                too_often = attempt >= ATTEMPTS and not is_locked
                if self._stop.aborted or not _passes(error) or too_often:
                    raise
                reason = f"{reason_of(error)}{table_locks_after(error, self._database)}"
            if is_locked and not self._stop.requested:
                locked_since = began_at if locked_since is None else locked_since
                self._tell(reason, locked_seconds - (time.monotonic() - locked_since))
            self._counts.retries += 1
            if self._stop.wait(BACKOFF.delay_seconds(attempt, random.random)):
                raise Stopped(reason)

    def _tell(self, reason: str, left_seconds: float) -> None:
        if left_seconds <= 0:
            raise LockedError(f"others keep a table locked ({reason})")
        self._observe(f"waiting: trying again for up to {left_seconds:.0f} s: {reason}")


def _passes(error: Error) -> bool:
    """Return True if a retry helps.

    It helps if another transaction was first, or is in the way, or if a live backend was cancelled
    that showed no sign of life.
    """
    was_alive = isinstance(error.__cause__, StillAliveError)
    return was_alive or lost_a_race(error) or fault_of(error) in (Fault.CONTENTION, Fault.LOCKED)

"""Try again while others are in the way of an import."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
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
    is_met_by_function,
    is_raised,
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


@dataclass(frozen=True, slots=True)
class Tries:
    """How often, and for how long, an action is tried.

    A lock is waited for up to ``locked_seconds``, and by no statement for more than 3 s. A live
    statement that was cancelled, since it showed no sign of life, is repeated for
    ``slow_seconds``; it may be without one for ``patience`` times the usual. After any other
    interference each repeat means that another transaction made progress: there are 20. Where a
    function met it, such as a trigger, it may be no interference: there are ``attempts``.
    """

    attempts: int = ATTEMPTS
    locked_seconds: float = LOCKED_AT_MOST_SECONDS
    slow_seconds: float = LOCKED_AT_MOST_SECONDS
    patience: float = 1.0


USUAL = Tries()


class Retries:
    """Repeats of whole transactions, bounded in number and in time.

    ``observe`` hears which table is locked by whom. They are counted.
    """

    def __init__(
        self, database: str, counts: Counts, stop: StopSignal, observe: Callable[[object], None]
    ) -> None:
        self._database, self._counts = database, counts
        self._stop, self._observe = stop, observe

    def do(self, action: Callable[[], Answer], *, tries: Tries = USUAL) -> Answer:
        """Return what ``action`` returns in the end.

        Raises Stopped where a stop was requested, LockedError when the time for a lock is up, and
        any other database error: also that of a lock that a function only says it waited for.
        """
        attempt, failing_since = 0, None
        while True:
            began_at = time.monotonic()
            try:
                with limited_lock_waits(self._database, LOCK_WAIT_MS):
                    return action()
            except DATABASE_ERRORS as error:
                attempt += 1
                failing_since = began_at if failing_since is None else failing_since
                failing_seconds = time.monotonic() - failing_since
                is_over = not _goes_on(error, tries, attempt, failing_seconds)
                if self._stop.aborted or is_over:
                    raise
                is_locked = _is_locked(error)
                reason = f"{reason_of(error)}{table_locks_after(error, self._database)}"
            if is_locked and not self._stop.requested:
                self._tell(reason, tries.locked_seconds - failing_seconds)
            self._counts.retries += 1
            if self._stop.wait(BACKOFF.delay_seconds(attempt, random.random)):
                raise Stopped(reason)

    def _tell(self, reason: str, left_seconds: float) -> None:
        if left_seconds <= 0:
            raise LockedError(f"others keep a table locked ({reason})")
        self._observe(f"waiting: trying again for up to {left_seconds:.0f} s: {reason}")


def _goes_on(error: Error, tries: Tries, attempt: int, failing_seconds: float) -> bool:
    """Return True if a retry may help, and there is one left.

    It helps if another transaction was first, or is in the way, or if a live backend was cancelled
    that showed no sign of life.
    """
    if isinstance(error.__cause__, StillAliveError):
        return failing_seconds < tries.slow_seconds
    if _is_locked(error):
        return True  # where its time is up, a LockedError names who has it
    attempts = tries.attempts if is_met_by_function(error) else ATTEMPTS
    is_in_the_way = fault_of(error) in (Fault.CONTENTION, Fault.LOCKED)
    return attempt < attempts and (lost_a_race(error) or is_in_the_way)


def _is_locked(error: Error) -> bool:
    return fault_of(error) is Fault.LOCKED and not is_raised(error)

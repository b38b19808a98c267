"""Retries after a fault, bounded in time or number.

Retries go on for a bounded time, or a few times at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from django.db import Error, OperationalError

from token_rotation.errors import AbortedError, DatabaseGoneError, StatementError
from token_rotation.events import Observer, Remark, Retrying
from token_rotation.postgres import driver
from token_rotation.postgres.backoff import Backoff
from token_rotation.postgres.connection import Connection
from token_rotation.postgres.faults.failures import (
    fault_of,
    is_met_by_function,
    is_session_lost,
    reason_of,
)
from token_rotation.postgres.faults.session_timeouts import why_lost
from token_rotation.postgres.faults.sqlstate import Fault
from token_rotation.postgres.faults.table_locks import locked_by
from token_rotation.postgres.reading import refusal
from token_rotation.postgres.silence.bounds import LONG_WORK
from token_rotation.postgres.silence.errors import StillAliveError
from token_rotation.stop import StopSignal

Answer = TypeVar("Answer")

UNKNOWN_BATCH = (
    "It is not known whether the batch in flight was committed, since the server did not say. The "
    "table says it: look with --report."
)

OUT_OF_MEMORY = "53200"

MOST_CRASHES = 3
"""So often may a server come back and be lost again in one action."""

CRASHES = (
    "the server crashed {} times in the same batch, and all others' connections with it. Its log "
    "names the statement: a trigger, an index or a row may be damaged"
)

_RETRIED = {
    Fault.LOCKED,
    Fault.CONTENTION,
    Fault.TIMED_OUT,
    Fault.CONNECTION,
    Fault.RESOURCES,
}


class LastingFaultError(DatabaseGoneError):
    """The time was up, and the server is there: something in this action may be to blame."""


class RetryLoop:
    """Retries of an action until success or an end.

    An end is that the time is up, or that the operator asks for it.

    Every action of a rotation is one transaction whose condition is read from the data. So a
    repeat is safe: where the fault hid a COMMIT that did happen, it finds nothing left to do.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        backoff: Backoff,
        stop: StopSignal,
        observe: Observer,
        clock: Callable[[], float],
    ) -> None:
        self._connection = connection
        self._backoff = backoff
        self._stop = stop
        self._observe = observe
        self._clock = clock
        self.retries = 0

    def run(
        self,
        action: Callable[[], Answer],
        *,
        do_less: Callable[[], None] = lambda: None,
        is_look: bool = False,
    ) -> Answer:
        """Return the action's answer, after retries if needed.

        The time to give up counts from the first failure. ``do_less`` is called after each try
        that took too long, for a time limit of the role too, or too much memory. Nothing that
        ``is_look`` is tried again once the end is asked for.

        Raises AbortedError when the operator ended it, DatabaseGoneError when the time was up,
        StatementError for what another try does not mend. LastingFaultError is a
        DatabaseGoneError that one row may be to blame for: a function met it, the statement took
        too long each time, or it lost one connection after another.
        """
        attempt = losses = 0
        crashes = _Crashes()
        failing_since: float | None = None
        while True:
            began_at = time.monotonic()
            try:
                return action()
            except (driver.Error, OperationalError) as error:
                if self._stop.aborted:
                    raise AbortedError(self._fate_of_batch(error)) from None
                if is_look and self._stop.requested:
                    raise AbortedError("ended while it looked for rows") from None
                if isinstance(error, StillAliveError):
                    if self._stop.requested:
                        raise AbortedError(self._fate_of_batch(error)) from None
                    if is_look and error.seconds < LONG_WORK.lifeless_seconds:
                        self._observe(Remark(f"Trying again, since {error}."))
                        continue
                losses = losses + 1 if is_session_lost(error) else 0
                crashes.note(error, is_lost=losses > 0)
                is_by_row = losses > 1 or is_met_by_function(error) or is_too_slow(error)
                reason = self._reason_to_retry(error, time.monotonic() - began_at, do_less)
            attempt += 1
            now = self._clock()
            failing_since = now if failing_since is None else failing_since
            gave_up = LastingFaultError if is_by_row else DatabaseGoneError
            if crashes.times:
                gave_up, reason = DatabaseGoneError, CRASHES.format(crashes.times + 1)
            self._wait_or_give_up(reason, attempt, now - failing_since, gave_up)

    def _fate_of_batch(self, error: driver.Error | OperationalError) -> str:
        """Say what became of the batch when the operator ended it.

        An error of the server's own means a rollback. Where its answer is missing, a COMMIT in
        flight may have been carried out.
        """
        if driver.sqlstate_of(error) is not None:
            return "ended at once; the batch in flight was rolled back"
        self._observe(Remark(UNKNOWN_BATCH))
        return f"ended at once. {UNKNOWN_BATCH}"

    def _reason_to_retry(
        self,
        error: driver.Error | OperationalError,
        seconds: float,
        do_less: Callable[[], None],
    ) -> str:
        if isinstance(error, OperationalError):  # raised by a database backend of the project's own
            self._connection.close()
            return str(error)
        fault = fault_of(error)
        if fault not in _RETRIED:
            raise StatementError(refusal(self._connection, error)) from None
        if isinstance(error, StillAliveError):
            self._connection.limit_patience(self._backoff.give_up_after_seconds)
            return str(error)
        if fault is Fault.TIMED_OUT or driver.sqlstate_of(error) == OUT_OF_MEMORY:
            do_less()
        elif fault is Fault.LOCKED:
            return f"{reason_of(error)}{locked_by(self._connection)}"
        elif fault is Fault.CONNECTION:
            self._connection.close()
            loss = why_lost(self._connection, error, seconds)
            if loss is not None and loss.cut_short:
                do_less()
            return reason_of(error) if loss is None else loss.reason
        return reason_of(error)

    def _wait_or_give_up(
        self, reason: str, attempt: int, failing_seconds: float, gave_up: type[DatabaseGoneError]
    ) -> None:
        wait_seconds = self._backoff.next_wait(attempt, failing_seconds)
        if wait_seconds is None:
            raise gave_up(f"gave up after {failing_seconds:.1f} s of retries: {reason}")
        self.retries += 1
        self._observe(Retrying(reason, attempt, wait_seconds))
        if self._stop.wait(wait_seconds):
            raise AbortedError(f"ended while the database kept failing: {reason}")


class _Crashes:
    """Counts sessions that are lost again and again, each time with the whole server.

    A trigger that crashes its backend ends everybody's session: halving its batch would do so
    again.
    """

    def __init__(self) -> None:
        self.times = 0
        self._is_away = False

    def note(self, error: driver.Error | OperationalError, *, is_lost: bool) -> None:
        """Raise DatabaseGoneError after too many."""
        self.times += is_lost and self._is_away
        self._is_away = not is_lost and fault_of(error) is Fault.CONNECTION
        if self.times >= MOST_CRASHES:
            raise DatabaseGoneError(CRASHES.format(self.times + 1)) from None


def is_too_slow(error: Exception) -> bool:
    """Return True where a statement took too long for the server, its role or this package."""
    return fault_of(error) is Fault.TIMED_OUT


def retry_at_once(action: Callable[[], Answer], *, on: Fault, tries: int) -> Answer:
    """Run the action; repeat it at once on one fault.

    Return the action's answer. It runs again, without a wait, while it meets the fault ``on``.

    The error of the last try, and any other error, passes through. Errors may be the driver's or
    Django's. Each try must leave nothing behind when it fails.
    """
    for attempt in range(1, tries + 1):
        try:
            return action()
        except (driver.Error, Error) as error:
            if fault_of(error) is not on or attempt == tries:
                raise
    raise ValueError("an action needs at least one try")

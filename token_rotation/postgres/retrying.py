"""Try again after a fault, for a bounded time. The only retry loop of a rotation."""

from __future__ import annotations

from collections.abc import Callable
from random import random
from typing import TypeVar

import psycopg2
from django.db import OperationalError

from token_rotation.errors import AbortedError, DatabaseGoneError, StatementError
from token_rotation.events import Observer, Retrying
from token_rotation.postgres.connection import Connection, describe, fault_of
from token_rotation.postgres.sqlstate import Backoff, Fault
from token_rotation.stop import StopSignal

Answer = TypeVar("Answer")

_RETRIED = {Fault.LOCKED, Fault.CONTENTION, Fault.TIMED_OUT, Fault.CONNECTION}


class Persistence:
    """Runs an action until it succeeds, the time is up, or the operator asks for the end.

    Safe for every action of a rotation, because each is one transaction whose condition is read
    from the data: where the fault hid a COMMIT that did happen, the repeated action finds nothing
    left to do.
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

    def run(self, action: Callable[[], Answer]) -> Answer:
        """The action's answer.

        Raises AbortedError when the operator ended it, DatabaseGoneError when the time was up,
        StatementError for what a retry does not mend.
        """
        attempt = 0
        failing_since: float | None = None
        while True:
            try:
                return action()
            except (psycopg2.Error, OperationalError) as error:
                if self._stop.aborted:
                    raise AbortedError(
                        "ended at once; the batch in flight was rolled back"
                    ) from None
                reason = self._reason_to_retry(error)
            attempt += 1
            now = self._clock()
            failing_since = now if failing_since is None else failing_since
            self._wait_or_give_up(reason, attempt, now - failing_since)

    def _reason_to_retry(self, error: psycopg2.Error | OperationalError) -> str:
        if isinstance(error, OperationalError):  # raised by a database backend of the project's own
            self._connection.close()
            return str(error)
        fault = fault_of(error)
        if fault not in _RETRIED:
            raise StatementError(f"PostgreSQL refused the statement: {describe(error)}") from None
        if fault is Fault.CONNECTION:
            self._connection.close()
        return describe(error)

    def _wait_or_give_up(self, reason: str, attempt: int, failing_seconds: float) -> None:
        left_seconds = self._backoff.give_up_after_seconds - failing_seconds
        delay_seconds = min(self._backoff.delay_seconds(attempt, random), left_seconds)
        if left_seconds <= 0:
            raise DatabaseGoneError(f"gave up after {failing_seconds:.1f} s of retries: {reason}")
        self.retries += 1
        self._observe(Retrying(reason, attempt, delay_seconds))
        if self._stop.wait(delay_seconds):
            raise AbortedError(f"ended while the database kept failing: {reason}")

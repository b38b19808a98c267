"""Trying again what may pass, for a bounded time."""

from __future__ import annotations

import time
from collections.abc import Callable

from django.db import Error as DatabaseError
from django.db import connections

from token_rotation.jobs.job import Job
from token_rotation.postgres.backoff import Backoff
from token_rotation.postgres.faults.failures import reason_of
from token_rotation.stop import StopSignal


class Retries:
    """The tries of a job since its last success."""

    def __init__(
        self, job: Job, stop: StopSignal, note: Callable[[str], None] = lambda _: None
    ) -> None:
        self._note = note
        self._job = job
        self._stop = stop
        self._backoff = Backoff(give_up_after_seconds=job.retry_seconds)
        self.succeeded()

    def succeeded(self) -> None:
        """Forget the failures: the next one has all of the time again."""
        self._attempt = 0
        self._failing_since = 0.0

    def wait_after(self, error: Exception) -> None:
        """Wait, and drop the connections that are lost. Raises the error where the time is up."""
        now = time.monotonic()
        self._attempt += 1
        if self._attempt == 1:
            self._failing_since = now
        seconds = self._backoff.next_wait(self._attempt, now - self._failing_since)
        if seconds is None or self._stop.wait(seconds):
            raise error
        is_known = isinstance(error, DatabaseError)  # the text of another may hold anything
        self._note(f"trying again: {reason_of(error) if is_known else type(error).__name__}")
        self._job.logger.warning("%s: trying again: %s", self._job.name, reason_of(error))
        for connection in connections.all(initialized_only=True):
            connection.close_if_unusable_or_obsolete()

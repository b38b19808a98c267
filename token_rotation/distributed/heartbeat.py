"""A range's sign of life, and its rotation's, while a worker is at it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any

from django.db import connections

from token_rotation.distributed.records import records_database, shares_of
from token_rotation.operations.errors import BatchError
from token_rotation.operations.models import BatchOperation
from token_rotation.pacing.pace import PaceListener
from token_rotation.postgres.opening import own_session
from token_rotation.run.record import BEAT_EVERY_SECONDS, DATABASE_ERRORS, JOIN_AT_MOST_SECONDS
from token_rotation.stop import StopSignal


class Keeper:
    """Writes how the attempt is, hears of requests, and ends it when its time is up."""

    def __init__(
        self,
        part: BatchOperation,
        rotation: BatchOperation,
        *,
        done_rows: Callable[[], int],
        live: Callable[[], dict[str, Any]],
        listener: PaceListener,
        stop: StopSignal,
        share_seconds: float,
        clock: Callable[[], float],
    ) -> None:
        self._part = part
        self._rotation = rotation
        self._done_rows = done_rows
        self._live = live
        self._listener = listener
        self._stop = stop
        self._clock = clock
        self._ends_at = clock() + share_seconds
        self._ended = Event()
        self.out_of_time = False

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """While inside, a thread of its own looks about once a second."""
        thread = Thread(target=self._keep, name="rotation-keeper", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            thread.join(timeout=JOIN_AT_MOST_SECONDS)

    def _keep(self) -> None:
        with own_session(records_database()):
            while not self._ended.wait(self._pause_seconds()):
                if self._clock() >= self._ends_at:
                    self.out_of_time = True
                    self._stop.request()
                    return
                self._beat()

    def _pause_seconds(self) -> float:
        return min(BEAT_EVERY_SECONDS, max(0.0, self._ends_at - self._clock()))

    def _beat(self) -> None:
        try:
            asked = self._part.beat(self._done_rows(), live=self._live())
            # Its other workers do the same: the sum is true whoever writes it.
            asked = self._rotation.beat(shares_of(self._rotation).rotated_rows) or asked
            self._listener.hear(self._rotation.control_data)
        except DATABASE_ERRORS:
            connections[records_database()].close()  # the next beat opens another
            return
        except BatchError:  # one of the two was ended by somebody else
            asked = True
        if asked:
            self._stop.request()

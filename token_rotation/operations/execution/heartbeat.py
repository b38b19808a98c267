"""The heartbeat of a running operation.

It comes from a fast loop, or from a thread beside the work.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from threading import Event, Thread
from typing import Any, Protocol

from django.db import DatabaseError, InterfaceError, connections

from token_rotation.operations.errors import OperationError
from token_rotation.postgres.faults.failures import reason_of

JOIN_AT_MOST_SECONDS = 5.0

logger = logging.getLogger(__name__)


class Beating(Protocol):
    """An object with a heartbeat, such as a BatchOperation."""

    def beat(self, done: int | None = None, total: int | None = None) -> bool:
        """Write progress; return True when a stop was requested."""


class Heartbeat:
    """A heartbeat of limited frequency: call ``tick`` after every step.

    At most one tick in ``interval_seconds`` reaches the database; the first tick does. Use it from
    one thread only. ``clock`` gives seconds that never go backwards.
    """

    def __init__(
        self, operation: Beating, *, interval_seconds: float, clock: Callable[[], float]
    ) -> None:
        self._operation = operation
        self._interval_seconds = interval_seconds
        self._clock = clock
        self._next_at: float | None = None
        self._stop_requested = False

    def tick(self, done: int | None = None, total: int | None = None) -> bool:
        """Return True when a stop was requested.

        The answer is that of the last beat. Raises what ``beat`` raises; the next tick then tries
        again.
        """
        now = self._clock()
        if self._next_at is None or now >= self._next_at:
            self._stop_requested = self._operation.beat(done, total)
            self._next_at = now + self._interval_seconds
        return self._stop_requested


@contextmanager
def beating(
    beat: Callable[[], object],
    *,
    interval_seconds: float,
    database: str,
    session: Callable[[], AbstractContextManager[Any]] = nullcontext,
) -> Iterator[None]:
    """Call ``beat`` in a thread every ``interval_seconds``, while inside.

    The thread calls it whatever the work does. It has a connection of its own; ``session`` may
    prepare it. A database error costs one beat, and the next one connects again. An OperationError
    ends the heartbeat: the operation was finished or taken over. The work notices that when it
    stores its result.
    """
    ended = Event()
    thread = Thread(
        target=_beat_until,
        args=(ended, beat, interval_seconds, database, session),
        name="operation-heartbeat",
        daemon=True,
    )
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(timeout=JOIN_AT_MOST_SECONDS)


def _beat_until(
    ended: Event,
    beat: Callable[[], object],
    interval_seconds: float,
    database: str,
    session: Callable[[], AbstractContextManager[Any]],
) -> None:
    is_failing = False
    try:
        with session():
            while not ended.wait(interval_seconds):
                try:
                    beat()
                    is_failing = False
                except (DatabaseError, InterfaceError) as error:
                    if not is_failing:  # once an outage, not once a second
                        logger.warning("no heartbeat: %s", reason_of(error))
                    is_failing = True
                    connections[database].close()
    except OperationError as error:
        if not ended.is_set():
            logger.warning("%s", error)
    finally:
        connections.close_all()

"""Ways to tell a rotation to end."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TypeVar

ANSWER_WITHIN_SECONDS = 0.1

Answer = TypeVar("Answer")


class StopSignal:
    """A wish to end, from another thread or signal handler.

    ``request`` lets the running batch commit, and cancels a look-up. ``abort`` cancels whatever
    statement is in flight, so that PostgreSQL rolls back what has not committed. Both return at
    once. Both may be called any number of times, from any thread. A signal handler may call them
    while it interrupts another call of either.
    """

    def __init__(self) -> None:
        # No threading.Event: a handler that interrupts Event.set() finds its lock taken, for ever.
        # SimpleQueue.put() is documented to be safe there.
        self._requested = False
        self._aborted = False
        self._wake_ups: SimpleQueue[None] = SimpleQueue()
        self._cancel: Callable[[], None] | None = None
        self._end_looks: Callable[[], None] | None = None

    @property
    def requested(self) -> bool:
        return self._requested

    @property
    def aborted(self) -> bool:
        return self._aborted

    def request(self) -> None:
        self._requested = True
        self._wake_ups.put(None)
        if self._end_looks is not None:
            self._end_looks()

    def abort(self) -> None:
        self._aborted = True
        self.request()
        if self._cancel is not None:
            self._cancel()

    def on_abort(self, cancel: Callable[[], None]) -> None:
        """Register ``cancel``, which ends the statement in flight.

        It is called in the thread that aborts, perhaps in a signal handler: it must not wait.
        """
        self._cancel = cancel

    def on_request(self, end_looks: Callable[[], None]) -> None:
        """Register ``end_looks``, which ends statements that only look; as for ``on_abort``."""
        self._end_looks = end_looks

    def again(self) -> None:
        """Repeat what was asked for: the first time may have fallen between two statements."""
        if self._aborted:
            self.abort()
        elif self._requested:
            self.request()

    def wait(self, seconds: float) -> bool:
        """Sleep up to ``seconds``.

        Return True, at once, when the end is asked for.
        """
        if not self._requested:
            with suppress(Empty):
                self._wake_ups.get(timeout=max(0.0, seconds))
                self._wake_ups.put(None)  # another thread may wait too
        return self._requested


def answering_signals(
    work: Callable[[], Answer],
    *,
    every_seconds: float = ANSWER_WITHIN_SECONDS,
    meanwhile: Callable[[], None] | None = None,
    cancel: Callable[[], None] | None = None,
) -> Answer:
    """Run ``work`` in a thread; answer signals meanwhile.

    The calling thread answers the signals.

    ``meanwhile`` is called every ``every_seconds``. An exception in the calling thread, such as a
    soft time limit, calls ``cancel`` and passes through when ``work`` has ended.
    """
    with ThreadPoolExecutor(max_workers=1) as pool:
        running = pool.submit(work)
        try:
            # Python answers a signal that comes just before an unbounded wait only after it.
            while not wait([running], timeout=every_seconds).done:
                if meanwhile is not None:
                    meanwhile()
        except BaseException:
            if cancel is not None:
                cancel()
            raise
        return running.result()

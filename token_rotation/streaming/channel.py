"""A bounded queue of byte blocks between two threads."""

from __future__ import annotations

import threading
from collections import deque

from token_rotation.streaming.errors import ReportError, StoppedError

CAPACITY_BLOCKS = 4


class ClosedError(Exception):
    """A channel that its reader has closed."""


class Channel:
    """A channel of at most CAPACITY_BLOCKS blocks.

    So a slow reader slows the writer down.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._blocks: deque[bytes] = deque()
        self._ended = False
        self._closed = False
        self._failure: ReportError | None = None

    def put(self, block: bytes, *, within_seconds: float) -> None:
        """Add a block; wait for room for at most ``within_seconds``.

        Raises ClosedError if the reader has closed, StoppedError if there is no room in time.
        """
        with self._changed:
            made_room = self._changed.wait_for(
                lambda: self._closed or len(self._blocks) < CAPACITY_BLOCKS, within_seconds
            )
            if self._closed:
                raise ClosedError
            if not made_room:
                raise StoppedError(f"its reader took nothing for {within_seconds:g} s")
            self._blocks.append(block)
            self._changed.notify_all()

    def end(self, failure: ReportError | None = None) -> None:
        """Mark the end, and with ``failure`` why it came early."""
        with self._changed:
            self._ended, self._failure = True, failure
            self._changed.notify_all()

    def wait(self, within_seconds: float) -> ReportError | None:
        """Wait for a block or the end.

        Returns the failure if there is no block but a failure.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._blocks or self._ended, within_seconds)
            return None if self._blocks else self._failure

    def take(self, within_seconds: float) -> bytes | None:
        """Return the next block, or b"" at the end.

        Returns None if nothing came in time. After the last block, raises the failure with which
        the writer ended.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._blocks or self._ended, within_seconds)
            if self._blocks:
                block = self._blocks.popleft()
                self._changed.notify_all()
                return block
            if self._failure is not None:
                raise self._failure
            return b"" if self._ended else None

    def close(self) -> None:
        """Refuse all further blocks. The reader calls it."""
        with self._changed:
            self._closed = True
            self._blocks.clear()
            self._changed.notify_all()

    def check(self) -> None:
        """Raise ClosedError if the reader has closed.

        The writer calls it.
        """
        with self._changed:
            if self._closed:
                raise ClosedError

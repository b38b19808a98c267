"""Blocks of bytes on their way from one thread to another."""

from __future__ import annotations

import threading
from collections import deque

from token_rotation.streaming.errors import ReportError, StoppedError

CAPACITY_BLOCKS = 4


class ClosedError(Exception):
    """Nobody will take another block."""


class Channel:
    """At most CAPACITY_BLOCKS wait to be taken: a slow reader slows the writer down."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._blocks: deque[bytes] = deque()
        self._ended = False
        self._closed = False
        self._failure: ReportError | None = None

    def put(self, block: bytes, *, within_seconds: float) -> None:
        """Hand a block over, waiting for room.

        Raises ClosedError when the reader has closed, StoppedError when it makes no room in time.
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
        """Nothing more will come; ``failure`` says why, unless all is well."""
        with self._changed:
            self._ended, self._failure = True, failure
            self._changed.notify_all()

    def wait(self, within_seconds: float) -> ReportError | None:
        """Return when there is something to take or the time is over; the failure, if that is all
        there is.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._blocks or self._ended, within_seconds)
            return None if self._blocks else self._failure

    def take(self, within_seconds: float) -> bytes | None:
        """The next block; empty at the end, None when nothing came in time.

        Raises the failure with which the writer ended, after its last block.
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
        """For the reader: nothing is wanted any more."""
        with self._changed:
            self._closed = True
            self._blocks.clear()
            self._changed.notify_all()

    def check(self) -> None:
        """For the writer. Raises ClosedError when nothing is wanted any more."""
        with self._changed:
            if self._closed:
                raise ClosedError

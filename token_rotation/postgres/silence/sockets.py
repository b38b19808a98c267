"""End a connection from another thread than the one that waits for it."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Timer
from typing import Any

from token_rotation.postgres import driver


class Line:
    """The connection's socket, by a descriptor of its own.

    The driver closes its own at any time, and the number may then be that of another file.
    """

    def __init__(self, raw: Any) -> None:
        self._descriptor: int | None = None
        self._descriptor = os.dup(raw.fileno())

    def cut(self) -> None:
        """Let whoever waits for an answer see the connection's end, at once."""
        if self._descriptor is None:
            return
        with suppress(OSError), socket.socket(fileno=os.dup(self._descriptor)) as end:
            end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    __del__ = close


@contextmanager
def cut_after(seconds: float, raw: Callable[[], Any]) -> Iterator[None]:
    """Cut the connection ``raw()`` when the block takes longer.

    For short blocks, of a second or so. The driver's error in the block says that it was lost.
    """

    def cut() -> None:
        with suppress(driver.Error, AttributeError):  # not open yet, or not any more
            line = Line(raw())
            line.cut()
            line.close()

    timer = Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()

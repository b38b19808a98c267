"""End the process in bounded time after a second signal."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from threading import Thread
from typing import NoReturn

ENDED_WITHIN_SECONDS = 4.5
"""After the second signal: what the ordinary end may take, while the server answers."""

ENDED = (
    "\nEnded before the server answered. If a COMMIT was under way, it is not known whether it was "
    "carried out; nothing is half done. Run the same command again: it goes on where the data "
    "says.\n"
)


@contextmanager
def end_in_time(
    signals: Collection[int],
    *,
    within_seconds: float = ENDED_WITHIN_SECONDS,
    at_first: Callable[[], None] | None = None,
) -> Iterator[None]:
    """End the process when the block outlasts the second signal by ``within_seconds``.

    The first signal calls ``at_first``, in another thread.

    For the main thread only. A thread hears of the signals, even while the main thread waits in a
    library for a server that has fallen silent: there Python calls no handler.
    """
    heard, sent = socket.socketpair()
    sent.setblocking(False)
    thread = Thread(
        target=_watch,
        args=(heard, signals, within_seconds, at_first),
        name="second-signal",
        daemon=True,
    )
    thread.start()
    before = signal.set_wakeup_fd(sent.fileno(), warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        sent.close()
        thread.join()


def _watch(
    heard: socket.socket,
    signals: Collection[int],
    within_seconds: float,
    at_first: Callable[[], None] | None,
) -> None:
    """Count signals until the block's end; ``heard`` has a byte for each."""
    last, count, deadline = 0, 0, None
    with heard:
        while True:
            try:
                heard.settimeout(deadline and max(0.001, deadline - time.monotonic()))
                received = heard.recv(64)
            except TimeoutError:
                _end(last)
            if not received:
                return
            for last in filter(signals.__contains__, received):
                count += 1
                if count == 1 and at_first is not None:
                    at_first()
                if count > 2:
                    _end(last)
                if count == 2:
                    deadline = time.monotonic() + within_seconds


def _end(signum: int) -> NoReturn:
    """End as the signal itself ends a process, as far as that is possible here."""
    with suppress(OSError, ValueError, AttributeError):
        os.write(sys.stderr.fileno(), ENDED.encode())
    if signal.getsignal(signum) is signal.SIG_DFL:
        os.kill(os.getpid(), signum)
    os._exit(128 + signum)

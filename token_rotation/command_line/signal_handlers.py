"""SIGINT, SIGTERM and SIGHUP as requests to stop."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from threading import current_thread, main_thread
from types import FrameType

from token_rotation.command_line.second_signal import end_in_time
from token_rotation.stop import StopSignal

STOPPING = "\nStopping after the running batch; a second signal ends at once.\n"
ABORTING = "\nEnding at once, within five seconds; what has not committed is rolled back.\n"


@contextmanager
def stop_on_signal(
    stop: StopSignal, *, stopping: str = STOPPING, aborting: str = ABORTING
) -> Iterator[None]:
    """Turn signals into requests to ``stop`` while inside.

    For the main thread only. The first signal lets the running batch commit; the second cancels
    it. If the block does not end within five seconds after that, the process does. The third has
    the system's own effect, at once. ``stopping`` and ``aborting`` tell the person what the first
    two do. An ignored signal (nohup, a background job) stays ignored.
    """
    caught = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    heeded = [signum for signum in caught if signal.getsignal(signum) is not signal.SIG_IGN]
    earlier_signals = count()

    def handle(_signum: int, _frame: FrameType | None) -> None:
        # Another signal may interrupt this handler anywhere, so counting must be one step.
        if next(earlier_signals) == 0:
            stop.request()
            _say(stopping)
        else:
            for each in heeded:
                signal.signal(each, signal.SIG_DFL)
            _say(aborting)
            stop.abort()

    before = {signum: signal.signal(signum, handle) for signum in heeded}
    try:
        with end_in_time(heeded):
            yield
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)


@contextmanager
def ending_on_interrupt() -> Iterator[None]:
    """Let SIGINT end the process at once while inside, where it would raise KeyboardInterrupt.

    Python raises that only when the driver returns, and the server may have fallen silent.
    """
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.default_int_handler or current_thread() is not main_thread():
        yield
        return
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _say(line: str) -> None:
    """Write to the descriptor, past the buffer.

    A handler may interrupt a buffered write half-way.
    """
    with suppress(OSError, ValueError, AttributeError):  # nobody may be there to read it
        os.write(sys.stderr.fileno(), line.encode())

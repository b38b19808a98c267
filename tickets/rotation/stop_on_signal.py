"""SIGINT, SIGTERM and SIGHUP as a wish to stop."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from tickets.rotation.stop import StopSignal

STOPPING = "\nStopping after the running batch; a second signal ends at once.\n"
ABORTING = "\nEnding at once; the batch in flight is rolled back.\n"


@contextmanager
def stop_on_signal(stop: StopSignal) -> Iterator[None]:
    """While inside: the first signal lets the running batch commit, the second rolls it back.

    A third one has the system's own effect, for a server that no longer answers. A signal that was
    ignored before (nohup, a job in the background) stays ignored. Main thread only.
    """

    def handle(signum: int, _frame: FrameType | None) -> None:
        if not stop.requested:
            _say(STOPPING)
            stop.request()
        else:
            signal.signal(signum, signal.SIG_DFL)
            _say(ABORTING)
            stop.abort()

    caught = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    heeded = [signum for signum in caught if signal.getsignal(signum) is not signal.SIG_IGN]
    before = {signum: signal.signal(signum, handle) for signum in heeded}
    try:
        yield
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)


def _say(line: str) -> None:
    """Straight to the descriptor: a handler may interrupt a buffered write half-way."""
    with suppress(
        OSError, ValueError, AttributeError
    ):  # nobody may be there to read it; the wish counts
        os.write(sys.stderr.fileno(), line.encode())

"""Wait for something that another process does."""

import time
from collections.abc import Callable
from typing import TypeVar

Answer = TypeVar("Answer")


def until(
    happened: Callable[[], Answer], *, timeout_seconds: float = 60, pause_seconds: float = 0.01
) -> Answer:
    """What ``happened()`` answers as soon as that is true; fail the test when it never is.

    Each look takes time that what is waited for could use: mostly that is a process which starts.
    """
    deadline = time.monotonic() + timeout_seconds
    while not (answer := happened()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(pause_seconds)
    return answer

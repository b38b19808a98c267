"""Wait for something that another process does."""

import time
from collections.abc import Callable


def until(
    happened: Callable[[], object], *, timeout_seconds: float = 60, pause_seconds: float = 0.002
) -> None:
    """Return as soon as ``happened()`` is true; fail the test when it does not become so."""
    deadline = time.monotonic() + timeout_seconds
    while not happened():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(pause_seconds)

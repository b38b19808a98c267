"""Processes of a PostgreSQL server that stand still, while its kernel answers."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil


@contextmanager
def standing_still(*pids: int, children: bool = False) -> Iterator[None]:
    """Stop the processes, with ``children`` theirs as well; let them go on after the block."""
    processes = [psutil.Process(pid) for pid in pids]
    for process in processes:  # the parent first, so that no child is added
        process.send_signal(signal.SIGSTOP)
    if children:
        for child in [each for process in list(processes) for each in process.children()]:
            with suppress(psutil.NoSuchProcess):
                child.send_signal(signal.SIGSTOP)
                processes.append(child)
    try:
        yield
    finally:
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGCONT)

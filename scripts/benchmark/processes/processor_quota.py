"""Give a server less of the processors than there is."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from benchmark.errors import BenchmarkError

PERIOD_MICROSECONDS = 100_000
FOLDERS = (Path("/sys/fs/cgroup/cpu"), Path("/sys/fs/cgroup"))
"""Of Linux's control groups, version 1 and 2."""


@contextmanager
def processor_quota(pid: int, processors: float) -> Iterator[None]:
    """Hold a process and all that it starts to a share of one processor, or of several.

    Raises BenchmarkError where the system does not let us.
    """
    root = next((each for each in FOLDERS if (each / "cgroup.procs").exists()), None)
    if root is None or not os.access(root, os.W_OK):
        raise BenchmarkError("a slow server needs a control group: run it as root, on Linux")
    group = root / f"tickets-benchmark-{pid}"
    group.mkdir()
    try:
        _set_quota(group, round(processors * PERIOD_MICROSECONDS))
        _move(pid, group)
        yield
    finally:
        _move(pid, root)
        group.rmdir()


def _set_quota(group: Path, microseconds: int) -> None:
    if (group / "cpu.max").exists():
        (group / "cpu.max").write_text(f"{microseconds} {PERIOD_MICROSECONDS}")
    else:
        (group / "cpu.cfs_period_us").write_text(f"{PERIOD_MICROSECONDS}")
        (group / "cpu.cfs_quota_us").write_text(f"{microseconds}")


def _move(pid: int, group: Path) -> None:
    """Move the process first: what it starts from then on is in the group."""
    (group / "cgroup.procs").write_text(f"{pid}")
    for child in psutil.Process(pid).children(recursive=True):
        try:
            (group / "cgroup.procs").write_text(f"{child.pid}")
        except ProcessLookupError:  # it has ended
            continue

"""The command's memory does not grow with the table."""

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from tests.support.leaked import leak, pending
from tests.support.manage import PROJECT

MEGABYTE_KILOBYTES = 1024
SMALL_ROWS, LARGE_ROWS = 13_000, 130_000  # the first has batches of full size already


# Linux counts what a process was before exec towards its peak, so it is started by a small one.
STARTER = """
import resource, subprocess, sys
code = subprocess.call([sys.executable, "manage.py", "rotate_tokens", "--progress", "none"])
print(code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
"""


def peak_kilobytes(database_url: str) -> int:
    """The peak resident memory of one rotation, as the operating system counted it."""
    done = subprocess.run(
        [sys.executable, "-c", STARTER],
        cwd=PROJECT,
        env={**os.environ, "DATABASE_URL": database_url},
        capture_output=True,
        text=True,
        check=True,
    )
    code, peak = map(int, done.stderr.split())
    assert code == 0
    return peak


def test_peak_memory_is_below_100_mb_and_the_same_for_ten_times_the_rows(
    make_database: Callable[..., str], connect: Callable[[str], Any]
) -> None:
    peaks = []
    for rows in (SMALL_ROWS, LARGE_ROWS):
        url = make_database()
        leak(connect(url), rows)
        connect(url).cursor().execute("DROP TRIGGER audit ON tickets_ticket")  # which takes time
        peaks.append(peak_kilobytes(url))
        assert pending(connect(url)) == 0
    assert max(peaks) < 100 * MEGABYTE_KILOBYTES
    assert max(peaks) <= 1.15 * min(peaks)

"""The command's memory does not grow with the table."""

import os
from collections.abc import Callable
from typing import Any

from tests.leaked import leak, pending
from tests.manage import Manage

MEGABYTE_KILOBYTES = 1024
SMALL_ROWS, LARGE_ROWS = 100_000, 1_000_000


def peak_kilobytes(manage: Manage, database_url: str) -> int:
    """The peak resident memory of one rotation, as the operating system counted it."""
    process = manage.start("rotate_tokens", "--progress", "none", database_url=database_url)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_maxrss


def test_peak_memory_is_below_100_mb_and_the_same_for_ten_times_the_rows(
    manage: Manage, make_database: Callable[..., str], connect: Callable[[str], Any]
) -> None:
    peaks = []
    for rows in (SMALL_ROWS, LARGE_ROWS):
        url = make_database()
        leak(connect(url), rows)
        peaks.append(peak_kilobytes(manage, url))
        assert pending(connect(url)) == 0
    assert max(peaks) < 100 * MEGABYTE_KILOBYTES
    assert max(peaks) <= 1.15 * min(peaks)

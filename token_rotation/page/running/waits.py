"""The waits of running rotations, in words."""

from __future__ import annotations

from token_rotation import wording
from token_rotation.page.running.records import TargetRecords
from token_rotation.page.running.running import RunningRotation


def waits_of(records: TargetRecords) -> tuple[str, ...]:
    said: list[str] = []
    for each in records.at_work:
        said += each.waits
        if each.worker_wait is not None:
            said.append(f"a worker to take a range, {each.worker_wait.since_when}")
        if not each.waits:
            said += _why_slow(each)
    if records.at_work:
        return tuple(said) or ("nothing",)
    return (wording.UNKNOWN,)


def _why_slow(rotation: RunningRotation) -> tuple[str, ...]:
    """Return why a healthy rotation is slow; else empty."""
    pace, batch_rows = rotation.pace, rotation.gives_way_with
    if pace.max_rows_per_second is not None or pace.pause_seconds > 0:
        return (f"the pace asked for: {pace}",)
    if batch_rows is not None:
        return (f"nothing; it gives way to traffic, with batches of {batch_rows:,} rows",)
    return ()

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
    pace = rotation.pace
    if pace.max_rows_per_second is not None or pace.pause_seconds > 0:
        return (f"the pace asked for: {pace}",)
    if rotation.gives_way_with is not None:
        rows, because = rotation.gives_way_with
        return (f"nothing; {wording.giving_way(because)}; batches of {rows:,} rows",)
    return ()

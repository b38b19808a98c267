"""Rates of rotations, from the samples in their records."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from token_rotation.run.progress import Progress

BUCKET_SECONDS = 5
BUCKETS = 120
SHORTEST_SECONDS = 1.0

Sample = tuple[float, int]
"""Seconds since 1970 by the database's clock, and the rows done by then."""


class _Replayed:
    """A clock that shows the time of a sample."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def replay(samples: Sequence[Sample], total_rows: int, *, now: float) -> Progress:
    """Return the progress as the command shows it.

    Its rate is that of the last 30 s. ``now`` is when the samples were read. Samples out of order
    are ignored; a fail-over to a server with another clock leaves them.
    """
    clock = _Replayed(samples[0][0] if samples else now)
    progress = Progress(total_rows, clock=clock)
    for at, done_rows in _in_order(samples):
        clock.now = at
        progress.reach(done_rows)
    clock.now = max(now, clock.now)
    return progress


def rates(histories: Iterable[Sequence[Sample]], *, now: float) -> list[tuple[int, float | None]]:
    """Return the rate of all histories in each 5 s.

    It comes with the end of the 5 s and covers the last ten minutes. The rate is in rows per
    second; None where no rotation ran. Leaves out the 5 s that are not over yet, and those before
    the first rate.
    """
    last = math.floor(now / BUCKET_SECONDS)
    rows: dict[int, float] = {}
    seconds: dict[int, float] = {}
    for history in histories:
        covered: dict[int, float] = {}
        for bucket, part_rows, part_seconds in _parts(history):
            rows[bucket] = rows.get(bucket, 0.0) + part_rows
            covered[bucket] = covered.get(bucket, 0.0) + part_seconds
        for bucket, part_seconds in covered.items():
            seconds[bucket] = max(seconds.get(bucket, 0.0), part_seconds)
    known = {
        bucket: rows[bucket] / worked
        for bucket, worked in seconds.items()
        if last - BUCKETS <= bucket < last and worked >= SHORTEST_SECONDS
    }
    first = min(known, default=last)
    return [((each + 1) * BUCKET_SECONDS, known.get(each)) for each in range(first, last)]


def rows_since(samples: Iterable[Sample], at: float) -> float:
    """Return the rows done from ``at`` to the last sample.

    Assumes a steady rate between samples. ``at`` and the samples are by the same clock.
    """
    rows = 0.0
    for (since, rows_then), (until, rows_now) in pairwise(_in_order(samples)):
        if until > at:
            rows += max(0, rows_now - rows_then) * min(1.0, (until - at) / (until - since))
    return rows


def _in_order(samples: Iterable[Sample]) -> Iterator[Sample]:
    latest = -math.inf
    for at, done_rows in samples:
        if at > latest:
            latest = at
            yield at, done_rows


def _parts(history: Sequence[Sample]) -> Iterator[tuple[int, float, float]]:
    """Yield bucket, rows and seconds between each two samples.

    Cuts them at the ends of buckets.
    """
    for (since, rows_then), (until, rows_now) in pairwise(_in_order(history)):
        rate = max(0, rows_now - rows_then) / (until - since)
        begin = since
        while begin < until:
            bucket = math.floor(begin / BUCKET_SECONDS)
            end = min(until, (bucket + 1) * BUCKET_SECONDS)
            yield bucket, rate * (end - begin), end - begin
            begin = end

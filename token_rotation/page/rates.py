"""How fast a rotation is and was, from the samples that its record keeps."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from token_rotation.run.progress import Progress

BUCKET_SECONDS = 5
BUCKETS = 120
SHORTEST_SECONDS = 1.0

Sample = tuple[float, int]
"""Seconds since 1970 by the database's clock, and how many rows were done by then."""


class _Replayed:
    """A clock that stands where a sample was taken."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def replay(samples: Sequence[Sample], total_rows: int, *, now: float) -> Progress:
    """The progress as the command itself shows it, whose rate is that of the last 30 seconds.

    ``now`` is when the samples were read. Samples out of order, after a fail-over to another clock,
    are left out.
    """
    clock = _Replayed(samples[0][0] if samples else now)
    progress = Progress(total_rows, clock=clock)
    for at, done_rows in _in_order(samples):
        clock.now = at
        progress.reach(done_rows)
    clock.now = max(now, clock.now)
    return progress


def rates(histories: Iterable[Sequence[Sample]], *, now: float) -> list[tuple[int, float | None]]:
    """Rows per second of all histories together, for each five seconds of the last ten minutes.

    Each with the time at which it ended; None where no rotation was at work. What has not ended
    yet is left out, and so is what lies before the first rate.
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
    """How many rows were done from ``at`` to the last sample; between two samples, steadily.

    ``at`` and the samples are of one clock. What was done after the last sample is not known yet.
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
    """Bucket, rows and seconds of each stretch between two samples, cut where buckets end."""
    for (since, rows_then), (until, rows_now) in pairwise(_in_order(history)):
        rate = max(0, rows_now - rows_then) / (until - since)
        begin = since
        while begin < until:
            bucket = math.floor(begin / BUCKET_SECONDS)
            end = min(until, (bucket + 1) * BUCKET_SECONDS)
            yield bucket, rate * (end - begin), end - begin
            begin = end

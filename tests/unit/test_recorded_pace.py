"""The rule for batch sizes, played on what a real rotation met.

The trace is of 300,000 rows and a target of 0.05 s a batch, while other programs took the processor
from time to time and the server's process was stopped twice for 0.35 s: rows and seconds of each
batch, and the size that was chosen for the next one.
"""

import json
from itertools import pairwise
from pathlib import Path

import pytest

from token_rotation.pacing.batch_size import (
    CUT_DIVISOR,
    CUT_WHEN_TIMES_OVER,
    GROWTH_AT_MOST,
    AdaptiveBatchSize,
)

TARGET_SECONDS = 0.05
TRACE: list[tuple[int, float, int]] = json.loads(
    (Path(__file__).parent / "traces" / "busy_server.json").read_text()
)


def chosen() -> list[int]:
    """The size after each batch of the trace, from the first one's on."""
    size = AdaptiveBatchSize(TARGET_SECONDS)
    sizes = [size.rows]
    for rows, seconds, _ in TRACE:
        size.record(rows, seconds)
        sizes.append(size.rows)
    return sizes


def test_the_same_trace_gives_the_sizes_that_the_rotation_took() -> None:
    """But for rounding: the seconds are recorded to a hundredth of a millisecond."""
    taken = [next_rows for _, _, next_rows in TRACE]
    assert chosen()[1:] == pytest.approx(taken, rel=0.005)


def test_no_size_grows_faster_than_it_may() -> None:
    assert all(after <= before * GROWTH_AT_MOST for before, after in pairwise(chosen()))


def test_each_batch_far_over_the_target_cuts_the_size_by_ten_and_no_other_does() -> None:
    cuts = [after <= before / CUT_DIVISOR for before, after in pairwise(chosen())]
    assert cuts == [seconds > CUT_WHEN_TIMES_OVER * TARGET_SECONDS for _, seconds, _ in TRACE]
    assert sum(cuts) == 2


def test_nine_in_ten_batches_end_within_twice_the_target() -> None:
    """Where a row costs what it did in the trace: the size follows within ten batches."""
    size, within = AdaptiveBatchSize(TARGET_SECONDS), 0
    for rows, seconds, _ in TRACE:
        taken_seconds = size.rows * seconds / rows
        within += taken_seconds <= 2 * TARGET_SECONDS
        size.record(size.rows, taken_seconds)
    assert within >= 0.9 * len(TRACE)

"""Few numbers tell how long the batches took, and records of several rotations add up."""

import json

from token_rotation.engine.batch_seconds import BOUNDS, EVERY_BOUND, BatchSeconds


def test_a_batch_counts_under_every_bound_that_it_does_not_exceed() -> None:
    seconds = BatchSeconds()
    for each in (0.0005, 0.0006, 0.2, 60.0):
        seconds.record(each)

    counts = dict(seconds.cumulative())
    assert list(counts) == list(EVERY_BOUND)
    assert (counts["0.0005"], counts["0.001"], counts["0.1"], counts["0.25"]) == (1, 2, 2, 3)
    assert (counts["10"], counts["+Inf"]) == (3, 4)


def test_what_records_keep_adds_up() -> None:
    one, other, sum_of_both = BatchSeconds(), BatchSeconds(), BatchSeconds()
    for each in (0.001, 0.3):
        one.record(each)
    other.record(99.0)

    for kept in (json.dumps(one.as_dict()), json.dumps(other.as_dict()), "null"):
        sum_of_both.add(json.loads(kept))

    assert dict(sum_of_both.cumulative())["+Inf"] == 3
    assert dict(sum_of_both.cumulative())["0.5"] == 2
    assert round(sum_of_both.sum_seconds, 3) == 99.301


def test_bounds_grow() -> None:
    assert list(BOUNDS) == sorted(set(BOUNDS))


def test_a_record_keeps_microseconds_and_nothing_finer() -> None:
    seconds = BatchSeconds()
    seconds.record(0.1234564)
    assert seconds.as_dict()["sum"] == 0.123456

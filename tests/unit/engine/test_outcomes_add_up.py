"""Nothing that a batch or a worker left is lost where outcomes are added up."""

from itertools import product

import pytest

from token_rotation.engine.batch_seconds import EVERY_BOUND, BatchSeconds
from token_rotation.engine.batches.batch_outcome import BatchOutcome
from token_rotation.engine.passes.pass_outcome import PassOutcome, left_of
from token_rotation.engine.passes.pass_progress import PassProgress
from token_rotation.engine.result import Outcome, Result, mean_seconds
from token_rotation.engine.row_limit import RowLimit
from token_rotation.selection.key_range import KeyRange

KEYS, OTHERS = KeyRange(1, 2), KeyRange(3, 4)
BOTH = list(product((False, True), repeat=2))


@pytest.mark.parametrize(("one", "other"), BOTH)
def test_batches_add_up(*, one: bool, other: bool) -> None:
    total = BatchOutcome(5, 3, did_not_stick=one) + BatchOutcome(7, 2, did_not_stick=other)
    assert total == BatchOutcome(12, 5, did_not_stick=one or other)
    assert BatchOutcome(1) == BatchOutcome(1, 0, did_not_stick=False)


@pytest.mark.parametrize(("one", "other"), BOTH)
def test_what_workers_left_adds_up(*, one: bool, other: bool) -> None:
    left = PassOutcome(3, did_not_stick=one, skipped=KEYS, stuck=None)
    more = PassOutcome(2, did_not_stick=other, skipped=None, stuck=OTHERS)
    assert left + more == PassOutcome(5, one or other, KEYS, OTHERS)
    assert more + left == PassOutcome(5, one or other, KEYS, OTHERS)
    assert PassOutcome() + left == left
    assert PassOutcome() == PassOutcome(0, did_not_stick=False, skipped=None, stuck=None)


def test_what_a_batch_leaves_names_its_range() -> None:
    assert left_of(KEYS, BatchOutcome(5)) == PassOutcome()
    assert left_of(KEYS, BatchOutcome(5, 2)) == PassOutcome(2, skipped=KEYS)
    assert left_of(KEYS, BatchOutcome(0, 2)) == PassOutcome(2, skipped=KEYS)
    assert left_of(KEYS, BatchOutcome(0)) == PassOutcome(stuck=KEYS)
    assert left_of(KEYS, BatchOutcome(1)) == PassOutcome()
    reverted = BatchOutcome(5, did_not_stick=True)
    assert left_of(KEYS, reverted) == PassOutcome(did_not_stick=True, stuck=KEYS)


def test_three_fruitless_passes_are_enough_and_twenty_waits() -> None:
    progress = PassProgress()
    assert [progress.is_fruitless() for _ in range(4)] == [False, False, True, True]
    assert [progress.is_last_wait() for _ in range(20)] == [False] * 19 + [True]


def test_a_pass_that_skips_its_only_row_again_has_not_got_on() -> None:
    progress = PassProgress()
    assert progress.is_made(PassOutcome(skipped_rows=1), 1)
    assert not progress.is_made(PassOutcome(skipped_rows=1), 2)
    assert progress.is_made(PassOutcome(), 3)
    assert not progress.is_made(PassOutcome(skipped_rows=1), 4)


def test_a_result_begins_with_nothing() -> None:
    result = Result()
    assert result.outcome is Outcome.COMPLETE
    assert (result.rotated_rows, result.batches, result.skipped_rows, result.retries) == (0,) * 4
    assert (result.seconds, result.vacuums, result.vacuum_seconds) == (0.0, 0, 0.0)
    assert (result.blockers, result.waited_seconds, result.no_vacuum_because) == ((), {}, None)


def test_what_records_have_kept_is_added_to_a_result() -> None:
    result = Result(batches=1, retries=2, waited_seconds={"pace": 0.5})
    kept = {
        "batches": 3,
        "retries": 4,
        "waited_seconds": {"pace": 1.5, "traffic": 0.25},
        "batch_seconds": {"sum": 2.5, "counts": {"0.5": 2, "+Inf": 1}},
    }
    result.add(kept)
    result.add({"waited_seconds": "junk"})
    assert (result.batches, result.retries) == (4, 6)
    assert result.waited_seconds == {"pace": 2.0, "traffic": 0.25}
    assert result.batch_seconds.as_dict() == kept["batch_seconds"]


def test_waits_are_the_mean_of_all_workers_also_of_those_that_did_not_wait() -> None:
    assert mean_seconds([{"pace": 1.0, "traffic": 3.0}, {"pace": 2.0}]) == {
        "pace": 1.5,
        "traffic": 1.5,
    }
    assert mean_seconds([]) == {}


def test_a_limit_is_used_up_with_its_last_row_and_not_before() -> None:
    limit = RowLimit(2)
    assert limit.is_limited
    assert limit.take(1) == 1
    assert not limit.used_up
    assert limit.take(5) == 1
    assert limit.used_up
    assert RowLimit(0).used_up
    assert not RowLimit(None).used_up


def test_no_bound_that_records_have_counted_under_was_changed() -> None:
    kept = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
    assert {"+Inf"} < set(EVERY_BOUND)
    for bound in map("{:g}".format, kept):
        seconds = BatchSeconds()
        seconds.record(float(bound))
        assert seconds.as_dict() == {"sum": float(bound), "counts": {bound: 1}}

"""A rotation that gets on is told from one that goes round in circles."""

import pytest

from token_rotation.engine.passes.pass_outcome import PassOutcome
from token_rotation.engine.passes.pass_progress import (
    FRUITLESS_PASSES,
    IDLE_PASSES,
    WAITS_IN_VAIN,
    PassProgress,
)


def skipped(rows: int) -> PassOutcome:
    return PassOutcome(skipped_rows=rows)


def test_a_pass_that_rotates_rows_and_skips_fewer_than_any_before_has_got_on() -> None:
    progress = PassProgress()
    assert progress.is_made(skipped(5), 10)
    assert progress.is_made(skipped(4), 11)
    assert not progress.is_made(skipped(4), 12)
    assert not progress.is_made(skipped(5), 13)
    assert progress.is_made(skipped(0), 14)


def test_a_pass_that_rotates_nothing_has_not_got_on() -> None:
    progress = PassProgress()
    assert not progress.is_made(skipped(5), 0)
    assert progress.is_made(skipped(4), 1)
    assert not progress.is_made(skipped(3), 1)


def test_a_pass_whose_changes_did_not_stick_has_not_got_on() -> None:
    assert not PassProgress().is_made(PassOutcome(did_not_stick=True), 10)


@pytest.mark.parametrize(
    ("count", "most"), [("is_fruitless", FRUITLESS_PASSES), ("is_last_wait", WAITS_IN_VAIN)]
)
def test_there_are_enough_passes_and_waits_only_without_progress_between(
    count: str, most: int
) -> None:
    progress = PassProgress()
    enough = getattr(progress, count)
    assert most > 1
    assert [enough() for _ in range(most - 1)] == [False] * (most - 1)
    assert progress.is_made(skipped(0), 1)
    assert [enough() for _ in range(most)] == [False] * (most - 1) + [True]


def test_passes_that_find_no_row_locked_and_rotate_none_are_idle_only_in_a_row() -> None:
    progress = PassProgress()
    assert IDLE_PASSES > FRUITLESS_PASSES, "the check comes first"
    for left, rotated_rows in ((skipped(0), 1), (skipped(1), 1)):
        for _ in range(IDLE_PASSES - 1):
            progress.is_made(skipped(0), 0)
            assert not progress.is_idle
        progress.is_made(left, rotated_rows)
        assert not progress.is_idle
        progress = PassProgress()
    for _ in range(IDLE_PASSES):
        progress.is_made(skipped(0), 0)
    assert progress.is_idle

"""Whatever is in the way of one UPDATE, the batch goes on with another, and rotates no row more."""

from collections.abc import Collection
from typing import cast

import pytest

from tests.support import driver
from tests.support.refusals import CHECK, DEADLOCK, DUPLICATE, LOCKED, TIMED_OUT, refusal
from token_rotation.engine.batches import isolation
from token_rotation.engine.batches.batch import BatchRunner
from token_rotation.engine.batches.batch_outcome import BatchOutcome
from token_rotation.engine.batches.pending_rows import PendingRows
from token_rotation.engine.batches.range_update import RangeUpdate
from token_rotation.engine.batches.refusals import PendingRow, Refusals
from token_rotation.selection.key_range import EVERY_KEY, KeyRange
from token_rotation.selection.target import Target
from token_rotation.tokens.sources import SqlTokens

TARGET = Target(
    "tickets.Ticket", "default", "ticket", "id", "token", "at", SqlTokens("f()"), True, ()
)
WHOLE = "whole range"


class Rows:
    """Pending rows with the keys 1, 2, ..., as an update and a look-up see them.

    ``collides`` are keys whose next fresh tokens are duplicates, each so many times. Those of
    ``refused`` cannot be changed.
    """

    def __init__(
        self,
        count: int = 8,
        *,
        collides: dict[int, int] | None = None,
        refused: Collection[int] = (),
    ) -> None:
        self.told = Refusals(TARGET, lambda _: None)
        self.is_ended = False
        self._refused = refused
        self.keys = list(range(1, count + 1))
        self.updates_whole_ranges = True
        self.committed_rows = 0
        self.refusals: list[str] = []
        self.prepared: list[tuple[KeyRange, int | None]] = []
        self.updates: list[object] = []
        self._collides = collides or {}

    def count(self, keys: KeyRange) -> int:
        return len(self._in(keys))

    def first_part(self, keys: KeyRange, rows: int) -> KeyRange:
        return KeyRange(keys.after, self._in(keys)[:rows][-1])

    def first(self, keys: KeyRange) -> PendingRow | None:
        return next((PendingRow(key, str(key), "t", "(0,1)") for key in self._in(keys)), None)

    def prepare(self, keys: KeyRange, rows: int | None) -> None:
        self.prepared.append((keys, rows))

    def whole_range(self, keys: KeyRange) -> BatchOutcome:
        self.updates.append(WHOLE)
        return self._update(self._in(keys))

    def free_rows(self, keys: KeyRange, batch_rows: int | None) -> BatchOutcome:
        self.updates.append(batch_rows)
        return self._update(self._in(keys)[:batch_rows])

    def _in(self, keys: KeyRange) -> list[int]:
        first, last = int(str(keys.after or 0)), int(str(keys.upper or 1_000))
        found = [key for key in self.keys if first < key <= last]
        return found if keys.exactly is None else [key for key in found if key == keys.exactly]

    def _update(self, keys: list[int]) -> BatchOutcome:
        if self.refusals:
            raise refusal(self.refusals.pop(0))
        if colliding := [key for key in keys if self._collides.get(key)]:
            self._collides[colliding[0]] -= 1
            raise refusal(DUPLICATE)
        if any(key in self._refused for key in keys):
            raise refusal(CHECK)
        self.keys = [key for key in self.keys if key not in keys]
        self.committed_rows += len(keys)
        return BatchOutcome(len(keys))


def runner(rows: Rows, *, aborted: bool = False) -> BatchRunner:
    return BatchRunner(
        cast(RangeUpdate, rows),
        cast(PendingRows, rows),
        rows.told,
        aborted=lambda: aborted,
        ended=lambda: rows.is_ended,
    )


def test_one_update_of_the_whole_range_is_tried_first() -> None:
    rows = Rows(8)
    batches = runner(rows)
    assert batches.committed_rows == 0
    assert batches.rotate(EVERY_KEY) == BatchOutcome(8)
    assert rows.updates == [WHOLE]
    assert batches.committed_rows == 8


def test_tokens_that_are_made_beforehand_go_to_free_rows_alone() -> None:
    rows = Rows(8)
    rows.updates_whole_ranges = False
    assert runner(rows).rotate(EVERY_KEY) == BatchOutcome(8)
    assert rows.updates == [None]


def test_with_a_limit_only_free_rows_are_updated_and_no_more_than_that() -> None:
    rows = Rows(8)
    assert runner(rows).rotate(EVERY_KEY, 3) == BatchOutcome(3)
    assert (rows.updates, rows.keys) == ([3], [4, 5, 6, 7, 8])


def test_a_locked_row_makes_this_batch_skip_it_and_the_next_one_wait_again() -> None:
    rows = Rows(8)
    batches = runner(rows)
    rows.refusals = [LOCKED]
    assert batches.rotate(EVERY_KEY) == BatchOutcome(8)
    batches.rotate(EVERY_KEY)
    assert rows.updates == [WHOLE, None, WHOLE]


def test_after_a_batch_that_took_too_long_the_next_twenty_wait_for_nobody() -> None:
    rows = Rows(8)
    batches = runner(rows)
    rows.refusals = [TIMED_OUT]
    for _ in range(22):
        batches.rotate(EVERY_KEY)
    assert rows.updates == [WHOLE, None, *[None] * 20, WHOLE]


def test_what_the_operator_cancelled_is_not_gone_on_with() -> None:
    rows = Rows(8)
    rows.refusals = [TIMED_OUT]
    with pytest.raises(driver.Error):
        runner(rows, aborted=True).rotate(EVERY_KEY)
    assert rows.updates == [WHOLE]


@pytest.mark.parametrize("limit_rows", [None, 8])
def test_an_error_that_no_other_update_mends_passes_through(limit_rows: int | None) -> None:
    rows = Rows(8)
    rows.refusals = [DEADLOCK]
    with pytest.raises(driver.Error):
        runner(rows).rotate(EVERY_KEY, limit_rows)
    assert len(rows.updates) == 1


def test_what_is_in_the_way_of_the_second_update_too_passes_through() -> None:
    rows = Rows(8)
    rows.refusals = [LOCKED, TIMED_OUT]
    with pytest.raises(driver.Error):
        runner(rows).rotate(EVERY_KEY)


def test_a_duplicate_token_costs_halves_until_its_row_is_alone_and_that_row_gets_another() -> None:
    rows = Rows(8, collides={2: 4})
    assert runner(rows).rotate(EVERY_KEY) == BatchOutcome(8)
    # All eight, 1-4, 1-2, 1, then 2 with one try of its own more, 3-4, and 5-8.
    assert rows.updates == [WHOLE] * 5 + [1] + [WHOLE] * 2
    assert rows.keys == []


def test_two_rows_are_halved_and_not_tried_as_one() -> None:
    rows = Rows(2, collides={2: 1})
    assert runner(rows).rotate(EVERY_KEY) == BatchOutcome(2)
    assert rows.updates == [WHOLE, WHOLE, WHOLE]


@pytest.mark.parametrize("collisions", [10, 11])
def test_a_row_alone_gets_ten_tries(collisions: int) -> None:
    rows = Rows(1, collides={1: collisions})  # the first is of the whole range
    if collisions == 10:
        assert runner(rows).rotate(EVERY_KEY) == BatchOutcome(1)
    else:
        assert runner(rows).rotate(EVERY_KEY) == BatchOutcome(0, refused_rows=1)
    assert rows.told.so_far.rows == collisions - 10
    assert rows.updates == [WHOLE, *[1] * 10]


def test_a_range_whose_rows_are_gone_meanwhile_is_done() -> None:
    rows = Rows(0)
    rows.refusals = [DUPLICATE]
    assert runner(rows).rotate(EVERY_KEY) == BatchOutcome(0)
    assert rows.updates == [WHOLE]


def test_a_row_that_cannot_be_changed_is_named_and_costs_no_other_row() -> None:
    rows = Rows(8, refused={2})
    assert runner(rows).rotate(EVERY_KEY) == BatchOutcome(7, refused_rows=1)
    # All eight, 1-4, 1-2, 1, then 2 alone, 3-4, and 5-8.
    assert rows.updates == [WHOLE] * 4 + [1] + [WHOLE] * 2
    assert [each.name for each in rows.told.so_far.named] == ["id 2"]


@pytest.mark.parametrize("limit_rows", [None, 8])
def test_where_nothing_but_refused_rows_came_before_only_ends_of_ranges_are_tried(
    monkeypatch: pytest.MonkeyPatch, limit_rows: int | None
) -> None:
    monkeypatch.setattr(isolation, "REFUSED_IN_A_ROW", 2)
    rows = Rows(8, refused=range(1, 8))
    batches = runner(rows)
    # 1 and 2 alone; then 3-4 and 4; of 5-8, 7-8 and 8, which changes.
    assert batches.rotate(EVERY_KEY, limit_rows) == BatchOutcome(1, refused_rows=3, untried_rows=4)
    rows.updates.clear()
    again = batches.rotate(EVERY_KEY, limit_rows)
    assert (again.refused_rows, again.untried_rows) == (6, 1), "only new ones count, afresh"


def test_once_a_row_changes_rows_are_tried_one_by_one_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(isolation, "REFUSED_IN_A_ROW", 3)
    rows = Rows(16, refused={*range(1, 4), *range(5, 8), *range(9, 12)})
    assert runner(rows).rotate(EVERY_KEY) == BatchOutcome(7, refused_rows=9)


def test_a_search_ends_where_it_is_told_to_and_leaves_the_rest() -> None:
    rows = Rows(8, refused={1})
    rows.is_ended = True
    assert runner(rows).rotate(EVERY_KEY) == BatchOutcome(0, untried_rows=8)
    assert rows.updates == [WHOLE]


@pytest.mark.parametrize("limit_rows", [3, 4, 5, 8])
def test_halves_together_take_no_row_more_than_the_limit(limit_rows: int) -> None:
    rows = Rows(8)
    rows.refusals = [DUPLICATE]
    assert runner(rows).rotate(EVERY_KEY, limit_rows) == BatchOutcome(limit_rows)
    second = [] if limit_rows <= 4 else [limit_rows - 4]
    assert rows.updates == [limit_rows, limit_rows, *second]


def test_a_checked_batch_is_prepared_and_counts_what_it_changed() -> None:
    rows, keys = Rows(8), KeyRange(None, 6)
    batches = runner(rows)
    assert batches.rotate_and_check(keys, 4) == BatchOutcome(4)
    assert rows.prepared == [(keys, 4)]
    assert batches.rotate_and_check(keys) == BatchOutcome(2)


@pytest.mark.parametrize(("back", "changed_rows"), [(1, 7), (8, 0), (11, 0)])
def test_rows_that_are_pending_again_did_not_stick_and_do_not_count(
    back: int, changed_rows: int
) -> None:
    class Undone(Rows):
        def whole_range(self, keys: KeyRange) -> BatchOutcome:
            done = super().whole_range(keys)
            self.keys = list(range(1, back + 1))  # undone, and some that others asked for
            return BatchOutcome(done.rotated_rows, 2)

    found = runner(Undone(8)).rotate_and_check(EVERY_KEY)
    assert found == BatchOutcome(changed_rows, 2, did_not_stick=True)

"""Who rotates which key range."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle

import pytest

from token_rotation.engine.passes.allocator import (
    LOOK_AHEAD_ROWS,
    LOOK_AHEAD_SECONDS,
    Allocator,
    ByList,
    InKeyOrder,
    InTurn,
    Stretch,
)
from token_rotation.selection.key_range import Key, KeyRange

KEYS = list(range(10, 50_000, 7))
LAST_KEY = 60_000


class Clock:
    now = 50.0

    def __call__(self) -> float:
        return self.now


class Unreachable:
    """A database that does not answer."""

    def upper_keys(self, *_: object) -> Stretch:
        raise ConnectionError

    def listed_rows(self, *_: object) -> list[tuple[str, str | None]]:
        raise ConnectionError


class Table:
    """Pending keys, and how often they were looked up."""

    def __init__(self, keys: list[int]) -> None:
        self.keys = keys
        self.look_ups = 0

    def upper_keys(self, after: Key | None, batch_rows: int, ahead_rows: int) -> Stretch:
        self.look_ups += 1
        above = [key for key in self.keys if after is None or key > after][:ahead_rows]
        uppers: list[Key] = [*above[batch_rows - 1 :: batch_rows]]
        if above and (not uppers or uppers[-1] != above[-1]):
            uppers.append(above[-1])
        return Stretch(uppers)

    def listed_rows(self, values: Sequence[str]) -> list[tuple[str, str | None]]:
        raise AssertionError("there is no list")


class SparseTable(Table):
    """Pending keys among others, looked at ``walk_rows`` keys at a time."""

    walk_rows = 500

    def upper_keys(self, after: Key | None, batch_rows: int, ahead_rows: int) -> Stretch:
        self.look_ups += 1
        first = 0 if after is None else int(str(after)) + 1
        last = first + self.walk_rows - 1
        pending = [key for key in self.keys if first <= key <= last]
        uppers = [*pending[batch_rows - 1 :: batch_rows], *pending[-1:]]
        return Stretch(sorted(set(uppers)), last if last < LAST_KEY else None)


class ListedTable(Table):
    """Rows that are found by their key's text, all without a marker but the even ones."""

    def listed_rows(self, values: Sequence[str]) -> list[tuple[str, str | None]]:
        self.look_ups += 1
        found = [value for value in values if int(value) in self.keys]
        return [(value, None if int(value) % 2 else f"marker {value}") for value in found]


def hand_out(allocator: Allocator, table: Table, batch_rows: int) -> list[KeyRange]:
    ranges = []
    while not allocator.is_over:
        keys = allocator.next_range(batch_rows, table)
        if keys is not None:
            ranges.append(keys)
    return ranges


def assert_seamless(ranges: list[KeyRange]) -> None:
    afters = [None, *(keys.upper for keys in ranges[:-1])]
    assert [keys.after for keys in ranges] == afters
    assert ranges[-1].upper == KEYS[-1]


@pytest.mark.parametrize("batch_rows", [1, 25, 999, 1_000, 4_000, 10_000])
def test_the_ranges_of_a_pass_are_seamless_and_reach_the_last_key(batch_rows: int) -> None:
    ranges = hand_out(InKeyOrder(Clock()), Table(KEYS), batch_rows)
    assert_seamless(ranges)
    assert len(ranges) >= len(KEYS) / batch_rows


def test_small_batches_are_looked_up_many_at_a_time() -> None:
    table = Table(KEYS)
    hand_out(InKeyOrder(Clock()), table, 25)
    assert table.look_ups == pytest.approx(len(KEYS) / LOOK_AHEAD_ROWS, abs=2)


def test_what_was_looked_up_for_another_size_is_not_used() -> None:
    table, allocator = Table(KEYS), InKeyOrder(Clock())
    allocator.next_range(25, table)
    keys = allocator.next_range(500, table)
    assert keys == KeyRange(KEYS[24], KEYS[524])


def test_what_was_looked_up_is_used_only_soon() -> None:
    clock = Clock()
    table, allocator = Table(KEYS), InKeyOrder(clock)
    allocator.next_range(25, table)
    table.keys = KEYS[500:]  # others have rotated what came next
    clock.now += LOOK_AHEAD_SECONDS + 0.1
    assert allocator.next_range(25, table) == KeyRange(KEYS[24], KEYS[524])


def test_a_look_up_that_fails_hands_nothing_out_and_may_be_tried_again() -> None:
    table, allocator = Table(KEYS), InKeyOrder(Clock())

    with pytest.raises(ConnectionError):
        allocator.next_range(25, Unreachable())
    assert_seamless(hand_out(allocator, table, 25))


def test_threads_together_get_each_range_once() -> None:
    table, allocator = Table(KEYS), InKeyOrder(Clock())
    with ThreadPoolExecutor(max_workers=8) as pool:
        shares = [pool.submit(hand_out, allocator, table, 25) for _ in range(8)]
    ranges = [keys for share in shares for keys in share.result()]
    assert_seamless(sorted(ranges, key=lambda keys: keys.upper or 0))


def test_a_closed_allocator_hands_nothing_out() -> None:
    table, allocator = Table(KEYS), InKeyOrder(Clock())
    allocator.next_range(25, table)
    allocator.close()
    assert allocator.next_range(25, table) is None


def test_an_allocator_that_is_closed_during_a_look_up_stays_closed() -> None:
    class ClosedMeanwhile(SparseTable):
        def upper_keys(self, after: Key | None, batch_rows: int, ahead_rows: int) -> Stretch:
            allocator.close()  # as a worker does whose error ends the rotation
            return super().upper_keys(after, batch_rows, ahead_rows)

    class ClosedWithNothingLeft(Table):
        def upper_keys(self, after: Key | None, batch_rows: int, ahead_rows: int) -> Stretch:
            allocator.close()
            return super().upper_keys(after, batch_rows, ahead_rows)

    allocator: Allocator = InKeyOrder(Clock())
    assert allocator.next_range(25, ClosedMeanwhile([LAST_KEY])) is None
    assert allocator.is_over
    allocator = InTurn(InKeyOrder(Clock()), InKeyOrder(Clock()))
    assert allocator.next_range(25, ClosedWithNothingLeft([])) is None
    assert allocator.is_over


def test_workers_with_batches_of_different_sizes_walk_on_together() -> None:
    table, allocator, sizes = SparseTable([55_000]), InKeyOrder(Clock()), cycle([25, 26])
    while (keys := allocator.next_range(next(sizes), table)) is None:
        assert table.look_ups <= LAST_KEY / table.walk_rows
    assert keys.upper == 55_000


@pytest.mark.parametrize("batch_rows", [1, 25, 999])
def test_where_few_keys_are_pending_the_walk_finds_each_and_reads_no_stretch_twice(
    batch_rows: int,
) -> None:
    pending = [3, 4, 20_111, 20_112, 20_990, 55_000]
    table = SparseTable(pending)
    ranges = hand_out(InKeyOrder(Clock()), table, batch_rows)
    found = [
        key
        for keys in ranges
        for key in pending
        if (keys.after is None or key > int(str(keys.after))) and key <= int(str(keys.upper))
    ]
    assert found == pending
    assert table.look_ups == pytest.approx(LAST_KEY / table.walk_rows, abs=2)


def test_a_list_is_handed_out_in_batches_with_the_markers_that_were_seen() -> None:
    table = ListedTable(list(range(100)))
    chunks = iter([["1", "2", "3"], ["500"], ["4", "999"]])
    ranges = hand_out(ByList(chunks), table, 2)
    assert [(keys.listed.keys, keys.listed.markers) for keys in ranges if keys.listed] == [
        (("1", "2"), ("marker 2",)),
        (("3",), ()),
        (("4",), ("marker 4",)),
    ]
    assert table.look_ups == 3


def test_a_chunk_of_a_list_whose_look_up_fails_is_looked_up_again() -> None:
    allocator = ByList(iter([["1"]]))
    with pytest.raises(ConnectionError):
        allocator.next_range(2, Unreachable())
    assert len(hand_out(allocator, ListedTable([1]), 2)) == 1


def test_the_listed_rows_come_first_and_then_all_the_rest() -> None:
    table = ListedTable(KEYS)
    listed = ByList(iter([[str(KEYS[-1])], [str(KEYS[5])]]))
    first, second, *rest = hand_out(InTurn(listed, InKeyOrder(Clock())), table, 25)
    assert (first.listed, second.listed) != (None, None)
    assert_seamless(rest)


def test_another_size_leaves_out_no_row_of_the_stretch_that_was_looked_at() -> None:
    table, allocator = SparseTable([3, 4, 5, 600]), InKeyOrder(Clock())
    assert allocator.next_range(1, table) == KeyRange(None, 3)
    assert allocator.next_range(2, table) == KeyRange(3, 5)


def test_a_look_that_is_too_old_leaves_out_no_row_of_its_stretch() -> None:
    clock = Clock()
    table, allocator = SparseTable([3, 4, 5, 600]), InKeyOrder(clock)
    assert allocator.next_range(1, table) == KeyRange(None, 3)
    clock.now += LOOK_AHEAD_SECONDS + 0.1
    assert allocator.next_range(1, table) == KeyRange(3, 4)

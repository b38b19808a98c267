"""Who rotates which key range."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tickets.rotation.allocator import LOOK_AHEAD_ROWS, LOOK_AHEAD_SECONDS, Allocator
from tickets.rotation.key_range import Key, KeyRange

KEYS = list(range(10, 50_000, 7))


class Clock:
    now = 50.0

    def __call__(self) -> float:
        return self.now


class Table:
    """Pending keys, and how often they were looked up."""

    def __init__(self, keys: list[int]) -> None:
        self.keys = keys
        self.look_ups = 0

    def look_up(self, after: Key | None, batch_rows: int, ahead_rows: int) -> list[Key]:
        self.look_ups += 1
        above = [key for key in self.keys if after is None or key > after][:ahead_rows]
        uppers: list[Key] = [*above[batch_rows - 1 :: batch_rows]]
        if above and (not uppers or uppers[-1] != above[-1]):
            uppers.append(above[-1])
        return uppers


def hand_out(allocator: Allocator, table: Table, batch_rows: int) -> list[KeyRange]:
    ranges = []
    while (keys := allocator.next_range(batch_rows, table.look_up)) is not None:
        ranges.append(keys)
    return ranges


def assert_seamless(ranges: list[KeyRange]) -> None:
    afters = [None, *(keys.upper for keys in ranges[:-1])]
    assert [keys.after for keys in ranges] == afters
    assert ranges[-1].upper == KEYS[-1]


@pytest.mark.parametrize("batch_rows", [1, 25, 999, 1_000, 4_000, 10_000])
def test_the_ranges_of_a_pass_are_seamless_and_reach_the_last_key(batch_rows: int) -> None:
    ranges = hand_out(Allocator(Clock()), Table(KEYS), batch_rows)
    assert_seamless(ranges)
    assert len(ranges) >= len(KEYS) / batch_rows


def test_small_batches_are_looked_up_many_at_a_time() -> None:
    table = Table(KEYS)
    hand_out(Allocator(Clock()), table, 25)
    assert table.look_ups == pytest.approx(len(KEYS) / LOOK_AHEAD_ROWS, abs=2)


def test_what_was_looked_up_for_another_size_is_not_used() -> None:
    table, allocator = Table(KEYS), Allocator(Clock())
    allocator.next_range(25, table.look_up)
    keys = allocator.next_range(500, table.look_up)
    assert keys == KeyRange(KEYS[24], KEYS[524])


def test_what_was_looked_up_is_used_only_soon() -> None:
    clock = Clock()
    table, allocator = Table(KEYS), Allocator(clock)
    allocator.next_range(25, table.look_up)
    table.keys = KEYS[500:]  # others have rotated what came next
    clock.now += LOOK_AHEAD_SECONDS + 0.1
    assert allocator.next_range(25, table.look_up) == KeyRange(KEYS[24], KEYS[524])


def test_a_look_up_that_fails_hands_nothing_out_and_may_be_tried_again() -> None:
    table, allocator = Table(KEYS), Allocator(Clock())

    def fail(*_: object) -> list[Key]:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        allocator.next_range(25, fail)
    assert_seamless(hand_out(allocator, table, 25))


def test_threads_together_get_each_range_once() -> None:
    table, allocator = Table(KEYS), Allocator(Clock())
    with ThreadPoolExecutor(max_workers=8) as pool:
        shares = [pool.submit(hand_out, allocator, table, 25) for _ in range(8)]
    ranges = [keys for share in shares for keys in share.result()]
    assert_seamless(sorted(ranges, key=lambda keys: keys.upper or 0))


def test_a_closed_allocator_hands_nothing_out() -> None:
    table, allocator = Table(KEYS), Allocator(Clock())
    allocator.next_range(25, table.look_up)
    allocator.close()
    assert allocator.next_range(25, table.look_up) is None

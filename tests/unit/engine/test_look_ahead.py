"""How much is looked up at a time: about a thousand rows, and never part of a batch."""

from collections.abc import Sequence

import pytest

from token_rotation.engine.passes.allocator import InKeyOrder, Stretch
from token_rotation.selection.key_range import Key, KeyRange


class Clock:
    now = 50.0

    def __call__(self) -> float:
        return self.now


class Keys:
    """Every key is pending; notes how much it was asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[Key | None, int, int]] = []

    def upper_keys(self, after: Key | None, batch_rows: int, ahead_rows: int) -> Stretch:
        self.asked.append((after, batch_rows, ahead_rows))
        first = 0 if after is None else int(str(after))
        return Stretch([*range(first + batch_rows, first + ahead_rows + 1, batch_rows)])

    def listed_rows(self, _: Sequence[str]) -> list[tuple[str, str | None]]:
        raise AssertionError("there is no list")


@pytest.mark.parametrize(
    ("batch_rows", "ahead_rows"),
    [(1, 1000), (300, 900), (500, 1000), (999, 999), (1000, 1000), (1001, 1001), (4000, 4000)],
)
def test_whole_batches_of_a_thousand_rows_are_looked_up_or_one(
    batch_rows: int, ahead_rows: int
) -> None:
    keys, allocator = Keys(), InKeyOrder(Clock())
    batches = ahead_rows // batch_rows
    for number in range(batches + 1):
        after = number * batch_rows or None
        assert allocator.next_range(batch_rows, keys) == KeyRange(after, (number + 1) * batch_rows)
    assert keys.asked == [(None, batch_rows, ahead_rows), (ahead_rows, batch_rows, ahead_rows)]


@pytest.mark.parametrize(("seconds", "looks"), [(1.0, 1), (1.001, 2)])
def test_what_was_looked_up_is_used_for_a_second(seconds: float, looks: int) -> None:
    clock, keys = Clock(), Keys()
    allocator = InKeyOrder(clock, after=100)
    assert allocator.next_range(10, keys) == KeyRange(100, 110)
    clock.now += seconds
    assert allocator.next_range(10, keys) == KeyRange(110, 120)
    assert len(keys.asked) == looks
    assert not allocator.is_over

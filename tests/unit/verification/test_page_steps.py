"""Statements read every page once, and take about as long as they should."""

from collections.abc import Callable, Iterator

import pytest

from token_rotation.verification.everywhere.page_steps import FIRST_BYTES, PageSteps

MB = 1024 * 1024


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def read(steps: PageSteps, clock: Clock, seconds_of: Callable[[int], float]) -> Iterator[int]:
    """Read all pages; yield the pages of each step."""
    for first, end in steps:
        pages = (steps.pages if end is None else end) - first
        clock.now += seconds_of(pages)
        yield pages


@pytest.mark.parametrize("pages", [0, 1, 2, 7, 1000])
@pytest.mark.parametrize("seconds", [0.0, 0.5, 30.0])
def test_every_page_is_read_once_and_the_last_step_has_no_end(pages: int, seconds: float) -> None:
    clock = Clock()
    steps = PageSteps(pages, FIRST_BYTES // 3, clock, target_seconds=2)
    read: list[int] = []
    ends: list[int | None] = []
    for first, end in steps:
        read += range(first, pages if end is None else end)
        ends.append(end)
        clock.now += seconds
    assert read == list(range(pages))
    assert ends[-1] is None
    assert None not in ends[:-1]
    assert steps.done == pages


def test_a_page_with_much_out_of_line_makes_the_first_step_small() -> None:
    first, end = next(iter(PageSteps(1000, 8 * MB, Clock(), target_seconds=2)))
    assert (first, end) == (0, 2)
    assert next(iter(PageSteps(1000, 10_000 * MB, Clock(), target_seconds=2))) == (0, 1)


def test_slow_steps_shrink_and_fast_ones_grow() -> None:
    clock = Clock()
    steps = PageSteps(100_000, 8192, clock, target_seconds=2)
    sizes = list(read(steps, clock, lambda pages: pages / 100))  # 100 pages a second
    assert sizes[0] == FIRST_BYTES // 8192
    assert all(150 <= size <= 250 for size in sizes[3:-1])
    clock = Clock()
    sizes = list(
        read(
            PageSteps(1_000_000, 8192, clock, target_seconds=2),
            clock,
            lambda pages: pages / 10_000_000,
        )
    )
    assert sizes[1] == 2 * sizes[0]

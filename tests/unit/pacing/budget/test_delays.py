"""Delays of the last seconds, and their quantiles."""

import pytest

from token_rotation.pacing.budget.delays import Delay, DelayWindow, quantile


def window_of(*began_at: float, horizon_seconds: float = 10, at_most: int = 400) -> DelayWindow:
    """Each delay is as long as its time."""
    window = DelayWindow(horizon_seconds, at_most=at_most)
    for at in began_at:
        window.add(Delay(at, at))
    return window


def test_old_delays_are_forgotten_and_recent_ones_can_be_asked_for() -> None:
    window = window_of(1, 5, 9, 10)
    assert window.seconds(10) == [1, 5, 9, 10]
    assert window.seconds(10, 1) == [9, 10]
    assert window.seconds(11) == [1, 5, 9, 10], "just as old as the window"
    assert window.seconds(12) == [5, 9, 10]
    assert len(window) == 3
    assert window.seconds(100) == []


def test_a_window_holds_no_more_than_it_may_and_drops_the_oldest() -> None:
    window = window_of(*range(10), horizon_seconds=100, at_most=4)
    assert window.seconds(10) == [6, 7, 8, 9]
    window.drop(3)
    assert window.seconds(10) == [9]
    window.drop(3)
    assert len(window) == 0
    window.add(Delay(10, 10))
    window.clear()
    assert window.seconds(10) == []


@pytest.mark.parametrize(
    ("part", "found"), [(0, 1), (0.01, 1), (0.5, 10), (0.95, 19), (0.951, 20), (1, 20)]
)
def test_a_quantile_is_the_nearest_rank_whatever_the_order(part: float, found: float) -> None:
    assert quantile([float(each) for each in range(20, 0, -1)], part) == found
    assert quantile([3.0], part) == 3.0


def test_nothing_has_no_quantile() -> None:
    with pytest.raises(ValueError, match="no delays"):
        quantile([], 0.5)

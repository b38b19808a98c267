"""How long the waits between tries are."""

import pytest

from token_rotation.postgres.backoff import Backoff


def test_waits_double_up_to_the_longest_and_are_spread_by_jitter() -> None:
    backoff = Backoff(60, first_seconds=0.1, longest_seconds=1.0)
    longest = [backoff.delay_seconds(attempt, lambda: 1.0) for attempt in range(1, 7)]
    assert longest == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.0, 1.0])
    assert backoff.delay_seconds(4, lambda: 0.0) == pytest.approx(0.4)


def test_the_thousandth_attempt_has_a_wait_too() -> None:
    assert Backoff(60).delay_seconds(1000, lambda: 1.0) == 5.0


def test_no_wait_outlasts_the_time_that_is_left() -> None:
    backoff = Backoff(60, first_seconds=10, longest_seconds=10)
    assert 5 <= (backoff.next_wait(1, 0) or 0) <= 10
    assert backoff.next_wait(7, 59) == 1
    assert backoff.next_wait(7, 60) is None

"""The page's rates come from the samples of the records, and say no more than these do."""

import pytest

from token_rotation.page.running.rates import (
    BUCKET_SECONDS,
    BUCKETS,
    Sample,
    rates,
    replay,
    rows_since,
)

START = 1_700_000_000.0


def steady(rows_per_second: int, *, seconds: int, start: float = START) -> list[Sample]:
    return [(start + at, rows_per_second * at) for at in range(0, seconds + 1, 5)]


def test_the_rate_is_that_of_the_last_30_seconds_as_the_command_shows_it() -> None:
    samples = steady(100, seconds=300)
    samples += [(START + 300 + at, 30_000 + 500 * at) for at in range(5, 31, 5)]
    progress = replay(samples, 100_000, now=START + 330)
    assert progress.rows_per_second() == 500
    assert progress.remaining_seconds() == (100_000 - 45_000) / 500


def test_of_a_rotation_that_does_nothing_the_rate_is_unknown_in_the_end() -> None:
    progress = replay(steady(100, seconds=60), 100_000, now=START + 200)
    assert progress.rows_per_second() is None


def test_without_samples_nothing_is_known() -> None:
    assert replay([], 1000, now=START).rows_per_second() is None
    assert rates([], now=START) == []
    assert rates([[(START, 0)]], now=START + 100) == []


def test_samples_of_a_clock_that_was_set_back_are_left_out() -> None:
    samples = [(START, 0), (START + 5, 50), (START - 3600, 60), (START + 10, 100)]
    assert replay(samples, 1000, now=START + 10).done_rows == 100
    assert [rate for _, rate in rates([samples], now=START + 12)] == [pytest.approx(10)] * 2


def test_rows_that_were_done_before_a_count_and_said_after_it_are_not_taken_off_again() -> None:
    samples = [*steady(100, seconds=10), (START + 11, 1_200)]
    assert rows_since(samples, START - 60) == 1_200
    assert rows_since(samples, START + 4) == 1_200 - 400
    assert rows_since(samples, START + 10.5) == pytest.approx(100)
    assert rows_since(samples, START + 11) == 0
    assert rows_since(samples, START + 11.9) == 0
    assert rows_since([], START) == 0


def test_each_point_is_a_rate_and_the_time_at_which_its_five_seconds_ended() -> None:
    assert rates([steady(100, seconds=20)], now=START + 22) == [
        (int(START) + 5 * each, pytest.approx(100)) for each in (1, 2, 3, 4)
    ]


def test_five_seconds_that_have_not_ended_are_left_out() -> None:
    points = rates([steady(100, seconds=20)], now=START + 19.9)
    assert points[-1][0] == START + 15


def test_rotations_at_the_same_time_add_up_and_between_them_the_rate_is_unknown() -> None:
    first = steady(100, seconds=10)
    second = steady(50, seconds=10)
    third = steady(70, seconds=10, start=START + 20)
    points = rates([first, second, third], now=START + 30)
    assert [rate for _, rate in points] == [
        pytest.approx(150),
        pytest.approx(150),
        None,
        None,
        pytest.approx(70),
        pytest.approx(70),
    ]


def test_no_more_than_ten_minutes_are_shown() -> None:
    points = rates([steady(100, seconds=3600)], now=START + 3600)
    assert len(points) == BUCKETS
    assert BUCKETS * BUCKET_SECONDS == 600

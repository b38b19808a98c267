"""What may be asked of a running rotation, and how it hears of it."""

from typing import Any

import pytest

from token_rotation.options import RotationOptions
from token_rotation.pacing.budget.traffic_budget import FIRST_ROWS, TrafficBudget
from token_rotation.pacing.pace import Pace, PaceListener, pace_asked_for, pace_of
from token_rotation.pacing.throttle import Throttle

SIZES: dict[str, Any] = {"largest_rows": 4000, "workers": 1}


class Clock:
    now = 50.0

    def __call__(self) -> float:
        return self.now


def seconds(throttle: Throttle) -> float:
    wait = throttle.next_wait()
    return 0.0 if wait is None else wait.seconds


def test_a_pace_that_was_stored_is_the_one_that_is_read() -> None:
    pace = Pace(pause_seconds=0.5, max_rows_per_second=100, traffic_budget_ms=7, paused=True)
    assert pace_asked_for(pace.as_word()) == pace


@pytest.mark.parametrize(
    "word",
    [
        None,
        "fast",
        {},
        {"pace": None},
        {"pace": {"pause_seconds": -1}},
        {"pace": {"pause_seconds": float("nan")}},
        {"pace": {"max_rows_per_second": 0}},
        {"pace": {"max_rows_per_second": "many"}},
        {"pace": {"warp": 9}},
    ],
)
def test_a_word_that_is_no_pace_is_ignored(word: Any) -> None:
    assert pace_asked_for(word) is None


def test_a_rotation_begins_at_the_pace_of_its_options() -> None:
    options = RotationOptions(pause_seconds=0.5, max_rows_per_second=9, traffic_budget_ms=3)
    assert pace_of(options) == Pace(0.5, 9, 3)


def test_what_was_asked_is_heard_once_however_often_it_is_told() -> None:
    heard: list[Pace] = []
    listener = PaceListener(heard.append)
    fast, slow = Pace(max_rows_per_second=1000), Pace(max_rows_per_second=10)
    for word in (None, fast, fast, slow, slow, fast):
        listener.hear(word and word.as_word())
    assert heard == [fast, slow, fast]


def test_a_pace_says_itself_in_words() -> None:
    assert str(Pace(0.5, 1500, 2.5)) == (
        "at most 1,500 rows/s, 0.5 s between batches, traffic slower by at most 2.5 ms"
    )
    assert str(Pace(traffic_budget_ms=0)) == "no limit to the rate, no regard to traffic"
    assert str(Pace(0.5, 1500, paused=True)) == "a pause until somebody resumes it"


def test_rows_that_were_ahead_of_the_old_rate_are_ahead_of_the_new_one() -> None:
    clock = Clock()
    throttle = Throttle(clock=clock, max_rows_per_second=10)
    throttle.batch_done(100, clock.now)  # 10 s at the old rate
    throttle.change(Pace(max_rows_per_second=200))
    assert seconds(throttle) == 0.5
    throttle.change(Pace(max_rows_per_second=None))
    assert seconds(throttle) == 0.0


def test_a_lower_rate_makes_the_next_batch_wait_for_what_was_done() -> None:
    clock = Clock()
    throttle = Throttle(clock=clock, max_rows_per_second=1000)
    throttle.batch_done(100, clock.now)
    throttle.change(Pace(max_rows_per_second=200))
    assert seconds(throttle) == pytest.approx(0.5)
    assert throttle.batch_rows(4000) == 200


def test_a_pause_that_has_begun_is_no_longer_than_the_new_one() -> None:
    clock = Clock()
    throttle = Throttle(clock=clock, pause_seconds=600)
    throttle.batch_done(10, clock.now)
    throttle.change(Pace(pause_seconds=0.25))
    assert seconds(throttle) == 0.25
    throttle.change(Pace(pause_seconds=600))
    assert seconds(throttle) == 0.25
    clock.now += 0.25
    throttle.batch_done(10, clock.now)
    assert seconds(throttle) > 0.25


def test_however_long_the_wait_the_pace_is_asked_for_again_within_a_second() -> None:
    clock = Clock()
    throttle = Throttle(clock=clock, max_rows_per_second=1)
    throttle.batch_done(3600, clock.now)
    assert seconds(throttle) == 1.0


def test_a_budget_can_be_taken_up_and_dropped() -> None:
    clock = Clock()
    throttle = Throttle(clock=clock, budget=TrafficBudget(0, **SIZES, clock=clock))
    assert throttle.next_wait() is None
    assert throttle.batch_rows(4000) == 4000
    assert throttle.giving_way_because == ""
    throttle.change(Pace(traffic_budget_ms=20))
    assert throttle.batch_rows(4000) == FIRST_ROWS
    assert throttle.giving_way_because == "too few probes"
    wait = throttle.next_wait()
    assert wait is not None
    assert (wait.kind, wait.is_trouble) == ("traffic", False)
    throttle.change(Pace(traffic_budget_ms=0))
    assert throttle.next_wait() is None
    assert throttle.batch_rows(4000) == 4000
    assert throttle.giving_way_because == ""


def test_batches_of_a_fixed_size_keep_it() -> None:
    throttle = Throttle(clock=Clock())
    throttle.change(Pace(traffic_budget_ms=20))
    assert throttle.next_wait() is None
    assert throttle.batch_rows(4000) == 4000
    assert throttle.giving_way_because == ""


def test_a_paused_rotation_starts_no_batch_until_it_is_resumed() -> None:
    clock = Clock()
    throttle = Throttle(clock=clock)
    throttle.change(Pace(paused=True))
    for _ in range(3):
        wait = throttle.next_wait()
        assert wait is not None
        assert (wait.kind, wait.is_trouble) == ("pause", True)
        assert "--resume" in wait.reason
        assert 0 < wait.seconds <= 0.5, "it hears soon of the wish to go on"
        clock.now += 3600
    throttle.change(Pace())
    assert throttle.next_wait() is None


def test_rows_of_a_batch_that_runs_while_the_pace_changes_count_from_the_change_on() -> None:
    clock = Clock()
    throttle = Throttle(clock=clock, max_rows_per_second=100)
    started_at = clock.now
    clock.now += 5
    throttle.change(Pace(max_rows_per_second=100))
    throttle.batch_done(50, started_at)
    assert seconds(throttle) == 0.5

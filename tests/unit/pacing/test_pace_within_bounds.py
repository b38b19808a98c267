"""A pace that is accepted can be kept, and one that is asked for changes what comes next."""

import math
from typing import Any

import pytest

from token_rotation.options import RotationOptions
from token_rotation.pacing.batch_size import AdaptiveBatchSize, FixedBatchSize
from token_rotation.pacing.budget.traffic_budget import FIRST_ROWS
from token_rotation.pacing.gates.signals import active_queries_signal, replica_lag_signal
from token_rotation.pacing.health import make_throttle, traffic_budget
from token_rotation.pacing.pace import Pace, pace_of
from token_rotation.pacing.throttle import Throttle

HOUR = 3600.0
BILLION = 1_000_000_000
A_MINUTE_MS = 60_000


class Clock:
    now = 50.0

    def __call__(self) -> float:
        return self.now


def waits(throttle: Throttle) -> float:
    wait = throttle.next_wait()
    return 0.0 if wait is None else wait.seconds


@pytest.mark.parametrize(
    "pace",
    [
        {"pause_seconds": 0},
        {"pause_seconds": HOUR},
        {"max_rows_per_second": 1},
        {"max_rows_per_second": BILLION},
        {"max_rows_per_second": None},
        {"traffic_budget_ms": 0},
        {"traffic_budget_ms": A_MINUTE_MS},
    ],
)
def test_a_pace_at_its_bounds_is_accepted(pace: Any) -> None:
    Pace(**pace)


@pytest.mark.parametrize(
    "pace",
    [
        {"pause_seconds": -0.001},
        {"pause_seconds": HOUR + 0.001},
        {"max_rows_per_second": 0},
        {"max_rows_per_second": BILLION + 1},
        {"traffic_budget_ms": -0.001},
        {"traffic_budget_ms": A_MINUTE_MS + 0.001},
        {"traffic_budget_ms": float("nan")},
    ],
)
def test_a_pace_beyond_its_bounds_is_refused(pace: Any) -> None:
    with pytest.raises(ValueError, match="from"):
        Pace(**pace)


def test_unless_said_a_pace_is_gentle_beside_traffic_and_else_without_a_limit() -> None:
    assert Pace() == Pace(0.0, None, 5.0, paused=False)


def test_a_pause_of_the_options_that_is_longer_than_an_hour_begins_as_an_hour() -> None:
    assert pace_of(RotationOptions(pause_seconds=2 * HOUR)).pause_seconds == HOUR


def test_a_pace_that_is_taken_on_after_a_pause_holds_for_the_next_one() -> None:
    clock = Clock()
    throttle = Throttle(clock=clock)
    throttle.change(Pace(pause_seconds=0.5, max_rows_per_second=10))
    assert waits(throttle) == 0.0
    throttle.batch_done(0, clock.now)
    assert waits(throttle) == 0.5
    clock.now += 0.5
    throttle.batch_done(5, clock.now)
    clock.now += 0.25
    assert waits(throttle) == 0.25
    throttle.change(Pace())
    assert waits(throttle) == 0.0


def test_a_short_wait_is_still_waited_for() -> None:
    clock = Clock()
    throttle = Throttle(clock=clock, pause_seconds=0.001)
    throttle.batch_done(1, clock.now)
    assert waits(throttle) == pytest.approx(0.001)
    clock.now += 0.002
    assert waits(throttle) == 0.0


def test_the_longer_of_pause_and_rate_is_waited_for() -> None:
    for pause, rows, expected in ((0.75, 1, 0.75), (0.1, 5, 0.5)):
        clock = Clock()
        throttle = Throttle(clock=clock, pause_seconds=pause, max_rows_per_second=10)
        throttle.batch_done(rows, clock.now)
        assert waits(throttle) == pytest.approx(expected)


def test_time_that_was_not_used_is_not_saved_up() -> None:
    clock = Clock()
    throttle = Throttle(clock=clock, max_rows_per_second=10)
    clock.now += 100
    throttle.batch_done(5, clock.now)
    assert waits(throttle) == 0.5


def test_it_holds_back_while_one_signal_of_several_says_wait() -> None:
    readings = {"lag": 9.0, "queries": 0.0}
    signals = (
        active_queries_signal(5, lambda _: readings["queries"]),
        replica_lag_signal(4.0, lambda _: readings["lag"]),
    )
    clock = Clock()
    throttle = Throttle(clock=clock, signals=signals)
    assert not throttle.holds_back
    wait = throttle.next_wait()
    assert wait is not None
    assert (wait.kind, wait.seconds, wait.is_trouble) == ("replica lag", 0.5, True)
    assert throttle.holds_back
    clock.now += 0.2
    assert waits(throttle) == pytest.approx(0.3)
    clock.now += 0.3
    readings["lag"] = 2.0  # half of the bound
    assert throttle.next_wait() is None
    assert not throttle.holds_back


def test_an_unknown_lag_is_too_much() -> None:
    signal = replica_lag_signal(4.0, lambda _: math.inf)
    throttle = Throttle(clock=Clock(), signals=(signal,))
    assert waits(throttle) == 0.5


@pytest.mark.parametrize(
    ("options", "takes", "waits_for"),
    [
        ({}, FIRST_ROWS, "traffic"),
        ({"traffic_budget_ms": 0.5}, FIRST_ROWS, "traffic"),
        ({"traffic_budget_ms": 0}, 4000, None),
        ({"batch_rows": 100}, 4000, None),
        ({"batch_rows": 100, "traffic_budget_ms": 2}, 4000, None),
    ],
)
def test_traffic_is_regarded_where_the_options_ask_for_it(
    options: Any, takes: int, waits_for: str | None
) -> None:
    asked, clock = RotationOptions(**options), Clock()
    throttle = make_throttle(asked, clock, traffic_budget(asked, clock, lambda _: None))
    assert throttle.batch_rows(4000) == takes
    wait = throttle.next_wait()
    assert (wait and wait.kind) == waits_for


def test_a_fixed_size_never_falls_below_one_row() -> None:
    size = FixedBatchSize(5)
    size.cut()
    assert size.rows == 1
    size.cut()
    assert size.rows == 1


def test_a_size_begins_at_a_thousand_rows_and_never_falls_below_ten() -> None:
    size = AdaptiveBatchSize(0.2)
    assert size.rows == 1000
    for _ in range(5):
        size.cut()
    assert size.rows == 10


def test_a_batch_of_half_its_size_teaches_and_one_of_less_does_not() -> None:
    size = AdaptiveBatchSize(0.2, first_rows=1000)
    size.record(499, 0.01)
    assert size.rows == 1000
    size.record(500, 0.01)
    assert size.rows == 1500


def test_a_batch_of_just_five_times_the_target_is_not_cut() -> None:
    size = AdaptiveBatchSize(0.25, first_rows=1000)
    size.record(1000, 1.25)
    assert size.rows == 200
    size.record(200, 1.26)
    assert size.rows == 20


def test_batches_of_no_time_at_all_teach_that_more_will_do() -> None:
    size = AdaptiveBatchSize(0.2, first_rows=1000)
    size.record(1000, 0.0)
    assert size.rows == 1500


def test_what_is_ten_batches_ago_is_forgotten() -> None:
    size = AdaptiveBatchSize(0.2, first_rows=1000, maximum_rows=1000)
    for _ in range(2):
        size.record(size.rows, size.rows * 4e-4)
    assert size.rows == 500
    sizes = []
    for _ in range(10):
        size.record(size.rows, size.rows * 1e-4)
        sizes.append(size.rows)
    assert sizes[7] == 500
    assert sizes[8:] == [750, 1000]


def test_after_a_cut_only_what_comes_next_is_learned_from() -> None:
    size = AdaptiveBatchSize(0.2, first_rows=1000)
    size.record(1000, 0.9)  # 222 rows would fit
    size.cut()
    for _ in range(7):
        size.record(size.rows, size.rows * 1e-6)
    assert size.rows > 222

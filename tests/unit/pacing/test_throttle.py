"""When a rotation holds back, and when it goes on."""

import pytest

from token_rotation.pacing.gates.gate import Gate
from token_rotation.pacing.gates.signals import active_queries_signal, replica_lag_signal
from token_rotation.pacing.throttle import Throttle, Wait


class Clock:
    now = 50.0

    def __call__(self) -> float:
        return self.now


def batch(throttle: Throttle, clock: Clock, *, rows: int, seconds: float) -> None:
    started_at = clock.now
    clock.now += seconds
    throttle.batch_done(rows, started_at)


def seconds(wait: Wait | None) -> float:
    return 0.0 if wait is None else wait.seconds


def test_without_bounds_nothing_is_waited_for() -> None:
    clock = Clock()
    throttle = Throttle(clock=clock)
    batch(throttle, clock, rows=1000, seconds=0.2)
    assert throttle.next_wait() is None
    assert throttle.batch_rows(12_345) == 12_345


def test_the_pause_lies_between_two_batches_and_not_before_the_first() -> None:
    clock = Clock()
    throttle = Throttle(clock=clock, pause_seconds=0.5)
    assert throttle.next_wait() is None
    batch(throttle, clock, rows=10, seconds=0.1)
    assert seconds(throttle.next_wait()) == 0.5
    clock.now += 0.5
    assert throttle.next_wait() is None


def test_a_rate_counts_the_time_the_batch_took() -> None:
    clock = Clock()
    throttle = Throttle(clock=clock, max_rows_per_second=1000)
    batch(throttle, clock, rows=500, seconds=0.125)
    assert seconds(throttle.next_wait()) == 0.375


def test_a_rate_bounds_the_batch_to_one_second_of_rows() -> None:
    throttle = Throttle(clock=Clock(), max_rows_per_second=1000)
    assert throttle.batch_rows(16_000) == 1000
    assert throttle.batch_rows(10) == 10


def test_waits_that_were_asked_for_are_no_trouble() -> None:
    clock = Clock()
    throttle = Throttle(clock=clock, pause_seconds=1)
    batch(throttle, clock, rows=1, seconds=0)
    wait = throttle.next_wait()
    assert wait is not None
    assert not wait.is_trouble


def test_replica_lag_pauses_above_the_bound_and_resumes_below_half_of_it() -> None:
    clock = Clock()
    lag = 4.0
    throttle = Throttle(clock=clock, signals=(replica_lag_signal(4.0, lambda _: lag),))
    assert throttle.next_wait() is None
    reasons = []
    for lag in (4.2, 3.0, 2.1, 1.9):  # noqa: B007 (the signal reads it)
        clock.now += 1
        wait = throttle.next_wait()
        reasons.append(None if wait is None else wait.reason)
    assert reasons == ["replica lag 4.2 s", "replica lag 3.0 s", "replica lag 2.1 s", None]


def test_active_queries_pause_above_the_bound_and_resume_at_it() -> None:
    gate = active_queries_signal(10, lambda: 0).gate
    assert [gate.update(reading) for reading in (10, 11, 12, 10)] == [False, True, True, False]


def test_a_gate_does_not_flutter_between_its_thresholds() -> None:
    gate = Gate(close_above=10, open_at=5)
    assert [gate.update(reading) for reading in (9, 11, 9, 6, 5, 9)] == [
        False,
        True,
        True,
        True,
        False,
        False,
    ]


def test_health_is_read_at_most_once_a_second_while_all_is_well() -> None:
    clock = Clock()
    readings = []
    signal = active_queries_signal(10, lambda _: readings.append(1) or 0)
    throttle = Throttle(clock=clock, signals=(signal,))
    for _ in range(30):
        throttle.next_wait()
        clock.now += 0.1
    assert len(readings) == 3


def test_batches_at_the_same_time_share_one_rate() -> None:
    clock = Clock()
    throttle = Throttle(clock=clock, max_rows_per_second=1000)
    started_at = clock.now
    clock.now += 0.1
    throttle.batch_done(500, started_at)
    throttle.batch_done(500, started_at)
    assert seconds(throttle.next_wait()) == pytest.approx(0.9)


def test_however_many_ask_a_closed_gate_is_looked_at_twice_a_second() -> None:
    clock, readings = Clock(), []

    def read(source: object) -> float:
        readings.append(source)
        return 20.0

    throttle = Throttle(clock=clock, signals=(replica_lag_signal(10, read),))
    for _ in range(30):  # three seconds
        waits = [throttle.next_wait(worker) for worker in range(8)]
        assert all(wait is not None and wait.kind == "replica lag" for wait in waits)
        clock.now += 0.1
    assert len(readings) == 6

"""A worker waits as the throttle says, tells why, and learns from its batches."""

from typing import Any

import pytest

from tests.support.clock import Clock
from token_rotation.events import Event, Waiting
from token_rotation.options import RotationOptions
from token_rotation.pacing.budget.traffic_budget import TrafficBudget
from token_rotation.pacing.throttle import Throttle, Wait
from token_rotation.pacing.worker_pace import WorkerPace
from token_rotation.stop import StopSignal


class Waits(StopSignal):
    """Take the clock's time; a wait lasts half a second longer than it was asked to."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def wait(self, seconds: float) -> bool:
        self._clock.now += seconds + 0.5
        return False


class Played:
    def __init__(self, throttle: Throttle | None = None, number: int = 0, **options: Any) -> None:
        self.clock = Clock()
        self.throttle = throttle or Throttle(clock=self.clock)
        self.told: list[Event] = []
        self.pace = WorkerPace(
            RotationOptions(**options),
            self.throttle,
            observe=self.told.append,
            stop=Waits(self.clock),
            clock=self.clock,
            rank=number,
        )


def test_trouble_is_told_before_it_is_waited_for_and_a_pace_that_was_asked_for_is_not() -> None:
    played = Played()
    played.pace.keep(Wait(1.0, "replica lag", "replica lag 9.0 s"))
    assert played.told == [Waiting("replica lag 9.0 s")]
    played.pace.keep(Wait(1.0, "pace", "the pace asked for", is_trouble=False))
    assert len(played.told) == 1


def test_the_time_that_was_really_waited_counts_by_its_kind() -> None:
    played = Played()
    for kind, seconds in (("pace", 1.0), ("traffic", 2.0), ("pace", 0.25)):
        played.pace.keep(Wait(seconds, kind, "reason", is_trouble=False))
    assert played.pace.waited_seconds == {"pace": 2.25, "traffic": 2.5}


def test_quick_batches_make_the_next_ones_larger_and_a_time_out_smaller() -> None:
    played = Played(target_batch_seconds=0.2)
    assert played.pace.batch_rows == played.pace.full_batch_rows == 1_000
    played.pace.learn(1_000, 0.01)
    assert played.pace.batch_rows == played.pace.full_batch_rows == 1_500
    played.pace.timed_out()
    assert played.pace.batch_rows == 150


def test_a_fixed_size_does_not_learn_but_from_a_time_out() -> None:
    played = Played(batch_rows=70)
    played.pace.learn(70, 0.001)
    assert (played.pace.batch_rows, played.pace.largest_batch_rows) == (70, 70)
    played.pace.timed_out()
    assert played.pace.batch_rows == 7


def budgeted() -> Throttle:
    """A throttle whose budget has seen no probe yet, past its first rest."""
    clock = Clock()
    budget = TrafficBudget(0.005, largest_rows=4000, workers=2, clock=clock)
    throttle = Throttle(clock=clock, budget=budget)
    clock.now += 1
    return throttle


@pytest.mark.parametrize(
    ("throttle", "rows", "because"),
    [
        (budgeted(), 200, "too few probes"),
        (Throttle(clock=Clock(), max_rows_per_second=200), 200, ""),
    ],
    ids=["budget", "rate"],
)
def test_it_gives_way_to_traffic_and_not_to_a_rate(
    throttle: Throttle, rows: int, because: str
) -> None:
    pace = Played(throttle).pace
    assert pace.next_wait(None) is None
    assert (pace.batch_rows, pace.full_batch_rows) == (rows, 1_000)
    assert pace.giving_way_because == because


def test_a_batch_that_traffic_does_not_bound_gives_no_way() -> None:
    pace = Played(budgeted(), batch_rows=15).pace
    assert pace.batch_rows == 15
    assert pace.giving_way_because == ""


def test_a_second_worker_stays_at_rest_until_the_budget_lets_it_join() -> None:
    throttle = budgeted()
    first, second = Played(throttle).pace, Played(throttle, number=1).pace
    assert first.next_wait(None) is None
    wait = second.next_wait(None)
    assert wait is not None
    assert (wait.kind, wait.is_trouble) == ("traffic", False)


def test_committed_rows_count_towards_the_rate_of_all() -> None:
    clock = Clock()
    throttle = Throttle(clock=clock, max_rows_per_second=100)
    Played(throttle).pace.batch_done(50, clock.now)
    wait = Played(throttle).pace.next_wait(None)
    assert wait is not None
    assert wait.seconds == 0.5

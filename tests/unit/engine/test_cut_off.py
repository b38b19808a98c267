"""A rotation with a cut-off waits for the server's clock, but not for long, and looks again."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.clock import Clock
from token_rotation.engine.cut_off import CutOff
from token_rotation.engine.result import Outcome
from token_rotation.errors import ClockBehindError
from token_rotation.events import Event, Waiting
from token_rotation.selection.key_range import EVERY_KEY, KeyRange
from token_rotation.selection.selection import Selection
from token_rotation.selection.target import Target
from token_rotation.stop import StopSignal
from token_rotation.tokens.sources import SqlTokens

WHOLE = Target(
    "tickets.Ticket", "default", "ticket", "id", "token", "at", SqlTokens("f()"), True, ()
)
SELECTION = Selection(issued_before=datetime(2026, 1, 1, tzinfo=UTC))
NARROWED = replace(WHOLE, selection=SELECTION)
LISTED_ONLY = replace(WHOLE, selection=replace(SELECTION, list_args=("--only", "leaked.txt")))
WITH_A_LIST = replace(WHOLE, selection=replace(SELECTION, list_args=("--list", "leaked.txt")))


class Waits(StopSignal):
    """Its waits take the time of the clock; ``ends_at`` is the one after which a stop is asked."""

    def __init__(self, clock: Clock, ends_at: int | None) -> None:
        super().__init__()
        self._clock, self._ends_at = clock, ends_at
        self.seconds: list[float] = []

    def wait(self, seconds: float) -> bool:
        assert len(self.seconds) < 1000, "it waits for ever"
        self.seconds.append(seconds)
        self._clock.now += seconds
        if len(self.seconds) == self._ends_at:
            self.request()
        return self.requested


class Played:
    """A rotation whose server is ``behind_seconds`` behind its cut-off at first.

    The server's clock goes ``speed`` times as fast as the rotation's.
    """

    def __init__(
        self,
        behind_seconds: float = 0.0,
        *,
        target: Target = NARROWED,
        bounds: KeyRange = EVERY_KEY,
        speed: float = 1.0,
        ends_at: int | None = None,
        any_later: bool = False,
    ) -> None:
        self.clock = Clock(0.0)  # so that sums of waits are exact
        self.stop = Waits(self.clock, ends_at)
        self.told: list[str] = []
        self.looks = 0
        self._behind_seconds, self._speed, self._any_later = behind_seconds, speed, any_later
        self._began_at = self.clock.now
        self._cut_off = CutOff(
            target, bounds=bounds, observe=self._note, stop=self.stop, clock=self.clock
        )
        pending = SimpleNamespace(clock_behind_seconds=self._behind, any_later=self._later)
        self._worker: Any = SimpleNamespace(retrying=self, look_up=self.run, pending=pending)

    def run(self, action: Callable[[], Any]) -> Any:
        self.looks += 1
        return action()

    def wait(self) -> None:
        self._cut_off.wait_for_clock(self._worker)

    def outcome(self) -> Outcome:
        return self._cut_off.outcome(self._worker)

    def _behind(self) -> float:
        return self._behind_seconds - self._speed * (self.clock.now - self._began_at)

    def _later(self) -> bool:
        return self._any_later

    def _note(self, event: Event) -> None:
        assert isinstance(event, Waiting)
        self.told.append(event.reason)


def test_without_a_cut_off_nobody_looks_at_the_clock() -> None:
    played = Played(30.0, target=WHOLE)
    played.wait()
    assert (played.looks, played.stop.seconds) == (0, [])


@pytest.mark.parametrize("behind_seconds", [0.0, -0.5, -3600.0])
def test_a_clock_that_has_reached_the_cut_off_is_not_waited_for(behind_seconds: float) -> None:
    played = Played(behind_seconds)
    played.wait()
    assert (played.looks, played.stop.seconds, played.told) == (1, [], [])


def test_a_clock_a_little_behind_is_waited_for_a_second_at_a_time() -> None:
    played = Played(2.5)
    played.wait()
    assert played.stop.seconds == [1.0, 1.0, 0.5]
    assert played.told == [
        f"the database's clock, {seconds} s behind the cut-off" for seconds in ("2", "2", "0")
    ]


@pytest.mark.parametrize("behind_seconds", [0.125, 0.5, 1.0])
def test_the_last_wait_is_as_long_as_the_clock_is_behind(behind_seconds: float) -> None:
    played = Played(behind_seconds)
    played.wait()
    assert played.stop.seconds == [behind_seconds]


def test_a_minute_and_a_look_are_waited_and_no_more() -> None:
    played = Played(61.0)
    played.wait()
    assert sum(played.stop.seconds) == 61.0
    with pytest.raises(ClockBehindError, match="0:01:02 behind the cut-off, so no fresh token"):
        Played(61.5).wait()


def test_a_clock_that_does_not_come_nearer_is_given_up() -> None:
    played = Played(30.0, speed=0.0)
    with pytest.raises(ClockBehindError, match="0:00:30 behind"):
        played.wait()
    assert sum(played.stop.seconds) == 32.0


def test_a_clock_that_stands_just_before_the_cut_off_is_given_up_when_the_time_is_over() -> None:
    played = Played(0.5, speed=0.0)
    with pytest.raises(ClockBehindError):
        played.wait()
    assert 60.5 <= sum(played.stop.seconds) <= 61.5


def test_a_stop_ends_the_wait() -> None:
    played = Played(30.0, ends_at=3)
    played.wait()
    assert len(played.stop.seconds) == 3


def test_a_stop_before_the_wait_is_heeded() -> None:
    played = Played(30.0)
    played.stop.request()
    played.wait()
    assert played.looks == 0


@pytest.mark.parametrize("target", [NARROWED, WITH_A_LIST])
def test_later_markers_keep_a_whole_rotation_with_a_cut_off_from_being_complete(
    target: Target,
) -> None:
    assert Played(target=target, any_later=True).outcome() is Outcome.MARKERS_AHEAD
    assert Played(target=target).outcome() is Outcome.COMPLETE


@pytest.mark.parametrize(
    ("target", "bounds"),
    [(WHOLE, EVERY_KEY), (NARROWED, KeyRange(1, 2)), (LISTED_ONLY, EVERY_KEY)],
    ids=["no cut-off", "a part", "a list alone"],
)
def test_who_knows_only_some_of_the_rows_does_not_look_for_later_markers(
    target: Target, bounds: KeyRange
) -> None:
    played = Played(target=target, bounds=bounds, any_later=True)
    assert (played.outcome(), played.looks) == (Outcome.COMPLETE, 0)

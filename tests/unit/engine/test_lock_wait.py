"""Locked rows are waited for a bounded time, and who locks them is named."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event as Flag
from typing import Any, cast

import pytest
from django.db import OperationalError

from tests.support import driver
from tests.support.clock import Clock
from tests.support.refusals import TIMED_OUT, refusal
from token_rotation.engine import lock_wait as module
from token_rotation.engine.batches.first_row import Fate
from token_rotation.engine.lock_wait import LOOK_AFTER_SECONDS, LockWait
from token_rotation.engine.result import Blocker
from token_rotation.engine.worker import Worker
from token_rotation.events import Event, Waiting
from token_rotation.selection.key_range import EVERY_KEY
from token_rotation.stop import StopSignal

AT_MOST_SECONDS = 5.0
BLOCKER = (42, "idle in transaction", 7.0)
Seen = list[tuple[Any, ...]] | Exception | None
"""What the onlooker sees during an attempt; None: the attempt may be over before it looks."""


class Onlooker:
    """The connection that asks who is in the way."""

    def __init__(self, played: "Played") -> None:
        self._played = played

    def rows(self, _: object, values: dict[str, int]) -> list[tuple[Any, ...]]:
        assert values == {"pid": 4711}
        self._played.looked.set()
        if isinstance(self._played.sees, Exception):
            raise self._played.sees
        return self._played.sees or []

    def close(self) -> None:
        self._played.closed += 1


class Row:
    pid = 4711

    def __init__(self, played: "Played", wait_seconds: float) -> None:
        self._played, self._wait_seconds = played, wait_seconds
        self.fate = Fate.LOCKED_BY_OTHERS

    def rotate(self) -> None:
        self._played.attempts.append(self._wait_seconds)
        self._played.clock.now += self._wait_seconds
        if self._played.sees is not None:
            assert self._played.looked.wait(60)
            self._played.looked.clear()
        if len(self._played.attempts) == self._played.free_at:
            self.fate = Fate.ROTATED
        if len(self._played.attempts) == self._played.stop_at:
            self._played.stop.request()


class Played:
    """A wait for a row that others lock until an attempt ends it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock, self.stop, self.told = Clock(100.0), StopSignal(), list[Event]()
        self.sees: Seen = None
        self.looked = Flag()
        self.free_at = self.stop_at = 0
        self.attempts: list[float] = []
        self.closed = 0
        self.retrying = self.ranges = self
        monkeypatch.setattr(module, "Connection", lambda _: Onlooker(self))
        monkeypatch.setattr(module, "LOOK_AFTER_SECONDS", 0.001)
        self.lock_wait = LockWait(
            "default",
            at_most_seconds=AT_MOST_SECONDS,
            stop=self.stop,
            observe=self.told.append,
            clock=self.clock,
        )

    def run(self, attempt: Any) -> Any:
        return attempt()

    @contextmanager
    def first_row(self, _: Any, wait_seconds: float) -> Iterator[Row]:
        yield Row(self, wait_seconds)

    def wait(self) -> bool:
        return self.lock_wait.wait(cast(Worker, self), EVERY_KEY)

    def waited_seconds(self) -> float:
        before = self.clock.now
        assert not self.wait()
        return round(self.clock.now - before, 9)


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> Played:
    return Played(monkeypatch)


def test_a_wait_goes_on_where_the_last_one_ended_unless_rows_were_rotated_since(
    played: Played,
) -> None:
    assert played.waited_seconds() == AT_MOST_SECONDS
    assert played.waited_seconds() == 0.2
    played.lock_wait.restart()
    assert played.waited_seconds() == AT_MOST_SECONDS
    assert round(played.lock_wait.waited_seconds, 9) == 2 * AT_MOST_SECONDS + 0.2
    assert played.closed == 3


def test_no_attempt_queues_for_longer_than_a_second_nor_for_less_than_a_fifth(
    played: Played,
) -> None:
    assert played.waited_seconds() == AT_MOST_SECONDS
    assert played.attempts == [1.0] * 5
    played.lock_wait.restart()
    played.attempts.clear()
    played.clock.now += 0.9  # some of the time of the next wait is gone
    played.wait()
    played.attempts.clear()
    assert played.waited_seconds() == 0.2
    assert played.attempts == [0.2]


def test_the_last_attempt_lasts_only_what_is_left_of_the_time(played: Played) -> None:
    played.free_at = 1
    assert played.wait()
    played.clock.now += 3.75
    played.free_at, played.attempts = 0, []
    assert not played.wait()
    assert played.attempts == [0.25]


def test_a_row_that_nobody_locks_any_more_ends_the_wait(played: Played) -> None:
    played.free_at = 2
    assert played.wait()
    assert played.attempts == [1.0, 1.0]
    assert [type(event) for event in played.told] == [Waiting]


@pytest.mark.parametrize("stop_at", [0, 2])
def test_a_wish_to_stop_ends_the_wait_and_blames_nobody(played: Played, stop_at: int) -> None:
    played.stop_at = stop_at
    if not stop_at:
        played.stop.request()
    assert played.wait()
    assert len(played.attempts) == stop_at
    assert played.lock_wait.blockers == ()


def test_who_was_seen_last_is_named_until_the_row_is_free(played: Played) -> None:
    played.sees = [BLOCKER]
    assert not played.wait()
    assert played.lock_wait.blockers == (Blocker(*BLOCKER),)
    assert played.told[-1] == Waiting(f"row locks held by {Blocker(*BLOCKER)}")
    played.sees = None
    assert not played.wait()
    assert played.lock_wait.blockers == (Blocker(*BLOCKER),)
    assert played.told[-1] == Waiting("row locks held by others")
    played.free_at = len(played.attempts) + 1
    assert played.wait()
    assert played.lock_wait.blockers == ()


def test_who_locked_a_row_before_progress_is_not_named_after_it(played: Played) -> None:
    played.sees = [BLOCKER]
    played.wait()
    played.lock_wait.restart()
    assert played.lock_wait.blockers == ()


@pytest.mark.parametrize("error", [refusal(TIMED_OUT), OperationalError("no server")])
def test_a_blocker_that_cannot_be_seen_is_no_reason_not_to_wait(
    played: Played, error: Exception
) -> None:
    played.sees, played.free_at = error, 2
    assert played.wait()
    assert played.told == [Waiting("row locks held by others")]


def test_a_wait_that_fails_closes_the_onlooker_and_its_time_counts(
    played: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> None:
        played.clock.now += 2.0
        raise refusal(TIMED_OUT)

    monkeypatch.setattr(played, "run", fail)
    with pytest.raises(driver.Error):
        played.wait()
    assert (played.closed, played.lock_wait.waited_seconds) == (1, 2.0)


def test_nobody_is_looked_for_in_the_first_tenth_of_a_second(
    played: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[float] = []

    class Over(Flag):
        def wait(self, timeout: float | None = None) -> bool:
            asked.append(timeout or 0.0)
            return super().wait(60)

    monkeypatch.setattr(module, "Event", Over)
    monkeypatch.setattr(module, "LOOK_AFTER_SECONDS", LOOK_AFTER_SECONDS)
    played.free_at = 1
    assert played.wait()
    assert asked == [0.1]

"""The time for which locked rows are waited for begins anew only with progress."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, cast

from token_rotation.engine.batches.first_row import Fate
from token_rotation.engine.lock_wait import SHORTEST_ATTEMPT_SECONDS, LockWait
from token_rotation.engine.worker import Worker
from token_rotation.selection.key_range import EVERY_KEY
from token_rotation.stop import StopSignal

AT_MOST_SECONDS = 5.0


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


class LockedRow:
    pid = 0
    fate = Fate.LOCKED_BY_OTHERS

    def __init__(self, clock: Clock, wait_seconds: float) -> None:
        self._clock, self._wait_seconds = clock, wait_seconds

    def rotate(self) -> None:
        self._clock.now += self._wait_seconds


class Blocked:
    """A worker whose first row others lock, for as long as it waits."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.retrying = SimpleNamespace(run=lambda attempt: attempt())
        self.ranges = self

    @contextmanager
    def first_row(self, _: Any, wait_seconds: float) -> Iterator[LockedRow]:
        yield LockedRow(self._clock, wait_seconds)


def test_a_wait_goes_on_where_the_last_one_ended_unless_rows_were_rotated_since() -> None:
    clock = Clock()
    blocked = cast(Worker, Blocked(clock))
    lock_wait = LockWait(
        "default",
        at_most_seconds=AT_MOST_SECONDS,
        stop=StopSignal(),
        observe=lambda _: None,
        clock=clock,
    )

    def waited_seconds() -> float:
        before = clock.now
        assert not lock_wait.wait(blocked, EVERY_KEY)
        return clock.now - before

    assert waited_seconds() == AT_MOST_SECONDS
    assert round(waited_seconds(), 9) == SHORTEST_ATTEMPT_SECONDS
    lock_wait.restart()
    assert waited_seconds() == AT_MOST_SECONDS
    assert round(lock_wait.waited_seconds, 9) == 2 * AT_MOST_SECONDS + SHORTEST_ATTEMPT_SECONDS

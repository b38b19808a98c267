"""The time for which locked rows are waited for begins anew only with progress."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

from token_rotation.engine.batch_outcome import FirstRow
from token_rotation.engine.patience import SHORTEST_LOOK_SECONDS, Patience
from token_rotation.engine.worker import Worker
from token_rotation.selection.key_range import EVERY_KEY
from token_rotation.stop import StopSignal

AT_MOST_SECONDS = 5.0


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


class Held:
    """A worker whose first row others hold, for as long as it waits."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.persistence = SimpleNamespace(run=lambda attempt: attempt())

    def rotate_first(self, _: Any, wait_seconds: float, tell_pid: Callable[[int], None]) -> Any:
        self._clock.now += wait_seconds
        return FirstRow.HELD


def test_a_wait_goes_on_where_the_last_one_ended_unless_rows_were_rotated_since() -> None:
    clock = Clock()
    held = cast(Worker, Held(clock))
    patience = Patience(
        "default",
        at_most_seconds=AT_MOST_SECONDS,
        stop=StopSignal(),
        observe=lambda _: None,
        clock=clock,
    )

    def waited_seconds() -> float:
        before = clock.now
        assert not patience.wait(held, EVERY_KEY)
        return clock.now - before

    assert waited_seconds() == AT_MOST_SECONDS
    assert round(waited_seconds(), 9) == SHORTEST_LOOK_SECONDS
    patience.renew()
    assert waited_seconds() == AT_MOST_SECONDS
    assert round(patience.waited_seconds, 9) == 2 * AT_MOST_SECONDS + SHORTEST_LOOK_SECONDS

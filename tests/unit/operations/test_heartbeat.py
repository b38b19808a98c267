"""Progress is written sparingly, and a stop is still heard."""

import pytest

from token_rotation.operations.execution.heartbeat import Heartbeat


class Recorder:
    def __init__(self) -> None:
        self.beats: list[tuple[int | None, int | None]] = []
        self.stop_requested = False
        self.broken = False

    def beat(self, done: int | None = None, total: int | None = None) -> bool:
        if self.broken:
            raise ConnectionError
        self.beats.append((done, total))
        return self.stop_requested


class Clock:
    now_seconds = 100.0

    def __call__(self) -> float:
        return self.now_seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def operation() -> Recorder:
    return Recorder()


@pytest.fixture
def heartbeat(operation: Recorder, clock: Clock) -> Heartbeat:
    return Heartbeat(operation, interval_seconds=1.0, clock=clock)


def test_a_thousand_ticks_in_one_interval_are_one_beat(
    heartbeat: Heartbeat, operation: Recorder
) -> None:
    for done in range(1000):
        heartbeat.tick(done, 1000)

    assert operation.beats == [(0, 1000)]


def test_each_interval_writes_the_latest_figures(
    heartbeat: Heartbeat, operation: Recorder, clock: Clock
) -> None:
    for done in range(31):
        heartbeat.tick(done)
        clock.now_seconds += 0.125

    assert [done for done, _ in operation.beats] == [0, 8, 16, 24]


def test_a_stop_once_heard_is_told_at_every_tick(
    heartbeat: Heartbeat, operation: Recorder, clock: Clock
) -> None:
    assert heartbeat.tick() is False
    operation.stop_requested = True
    assert heartbeat.tick() is False
    clock.now_seconds += 1
    assert heartbeat.tick() is True
    assert heartbeat.tick() is True


def test_after_a_failed_beat_the_next_tick_tries_again(
    heartbeat: Heartbeat, operation: Recorder
) -> None:
    operation.broken = True
    with pytest.raises(ConnectionError):
        heartbeat.tick(1)
    operation.broken = False
    heartbeat.tick(2)

    assert operation.beats == [(2, None)]

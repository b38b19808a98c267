"""Progress is written sparingly, and a stop is still heard."""

import threading
from queue import Queue

import pytest
from django.db import InterfaceError, OperationalError

from token_rotation.operations.errors import NotRunningError
from token_rotation.operations.execution.heartbeat import Heartbeat, beating
from token_rotation.operations.lifecycle import Status


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


def heartbeats() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name == "operation-heartbeat"]


def test_a_thread_beats_as_long_as_the_work_lasts() -> None:
    beats: Queue[int] = Queue()

    with beating(lambda: beats.put(1), interval_seconds=0.001, database="default"):
        assert len(heartbeats()) == 1
        for _ in range(3):
            beats.get(timeout=60)

    assert heartbeats() == []


def test_a_database_error_costs_beats_and_one_line(caplog: pytest.LogCaptureFixture) -> None:
    errors: list[type[Exception]] = [OperationalError, InterfaceError]
    beaten = threading.Event()

    def beat() -> None:
        if errors:
            raise errors.pop()("the server is gone")
        beaten.set()

    with beating(beat, interval_seconds=0.001, database="default"):
        assert beaten.wait(timeout=60)

    assert [each.getMessage() for each in caplog.records] == ["no heartbeat: the server is gone"]


def test_an_operation_that_another_process_has_ended_beats_no_more() -> None:
    def beat() -> None:
        raise NotRunningError("operation 7 (mail)", Status.FINISHED)

    with beating(beat, interval_seconds=0.001, database="default"):
        for thread in heartbeats():
            thread.join(timeout=60)
        assert heartbeats() == []

"""A worker goes from range to range, tells of long looks, and keeps no rows it did not use."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.support.clock import Clock
from token_rotation.engine import worker as module
from token_rotation.engine.batches.batch_outcome import BatchOutcome
from token_rotation.engine.batches.pending_rows import PendingRows
from token_rotation.engine.batches.range_rotation import RangeRotation
from token_rotation.engine.batches.refusals import Refusals
from token_rotation.engine.passes.allocator import Allocator, Finder
from token_rotation.engine.passes.pass_outcome import PassOutcome
from token_rotation.engine.row_limit import RowLimit
from token_rotation.engine.worker import Worker
from token_rotation.errors import AbortedError, DatabaseGoneError
from token_rotation.events import Event, Waiting
from token_rotation.notify.announcements import Announcements
from token_rotation.options import RotationOptions
from token_rotation.pacing.throttle import Throttle, Wait
from token_rotation.pacing.worker_pace import WorkerPace
from token_rotation.postgres.connection import Connection
from token_rotation.postgres.retrying import RetryLoop
from token_rotation.selection.key_range import KeyRange
from token_rotation.selection.target import Target
from token_rotation.stop import StopSignal
from token_rotation.tokens.sources import SqlTokens

TARGET = Target(
    "tickets.Ticket", "default", "ticket", "id", "token", "at", SqlTokens("f()"), True, ()
)
ONE, TWO = KeyRange(0, 1), KeyRange(1, 2)
GONE = DatabaseGoneError("gone")


class Ranges(Allocator):
    """Hands out as it is told; None is a stretch without a pending row."""

    def __init__(self, *ranges: KeyRange | DatabaseGoneError | None) -> None:
        super().__init__()
        self.ranges = list(ranges)
        self.asked: list[tuple[int, Finder]] = []

    def _next(self, batch_rows: int, finder: Finder) -> KeyRange | None:
        self.asked.append((batch_rows, finder))
        if not self.ranges:
            self.close()
            return None
        keys = self.ranges.pop(0)
        if isinstance(keys, DatabaseGoneError):
            raise keys
        return keys


class Played:
    """A worker whose every part but the loop does as it is told."""

    pending = cast(PendingRows, "what finds pending rows")

    def __init__(self, *, limit_rows: int | None = None) -> None:
        self.clock, self.stop, self.limit = Clock(), StopSignal(), RowLimit(limit_rows)
        self.told: list[Event] = []
        self.outcomes: list[BatchOutcome] = []
        self.rotated: list[tuple[KeyRange, int]] = []
        self.waits: list[Wait] = []
        self.kept: list[Wait] = []
        self.checks = self.opened = self.closed = 0
        self.batch_rows = 10
        self.seconds_a_batch = 0.0
        self.worker = Worker(
            TARGET,
            RotationOptions(),
            throttle=Throttle(clock=self.clock),
            row_limit=self.limit,
            observe=self.told.append,
            stop=self.stop,
            clock=self.clock,
            refusals=Refusals(TARGET, self.told.append),
        )
        self.worker.ranges = cast(RangeRotation, self)
        self.worker.pace = cast(WorkerPace, self)
        self.worker.retrying = cast(RetryLoop, self)
        self.worker.connection = cast(Connection, self)
        self.worker.announcements = cast(Announcements, self)
        self.worker.pending = self.pending

    def run(self, action: Any, **_: Any) -> Any:
        return action()

    def open(self) -> None:
        self.opened += 1

    def check_next(self) -> None:
        self.checks += 1

    def rotate(self, keys: KeyRange, batch_rows: int) -> BatchOutcome:
        self.rotated.append((keys, batch_rows))
        self.clock.now += self.seconds_a_batch
        return self.outcomes.pop(0) if self.outcomes else BatchOutcome(batch_rows)

    def next_wait(self, source: object) -> Wait | None:
        assert source is self
        return self.waits.pop(0) if self.waits else None

    def keep(self, wait: Wait) -> None:
        self.kept.append(wait)

    def close_receiver_connections(self) -> None:
        self.closed += 1


def test_a_pass_rotates_every_range_and_adds_up_what_they_left() -> None:
    played, allocator = Played(), Ranges(ONE, TWO)
    played.outcomes = [BatchOutcome(10, 2), BatchOutcome(9, 1)]
    assert played.worker.one_pass(allocator) == PassOutcome(3, skipped=ONE)
    assert played.rotated == [(ONE, 10), (TWO, 10)]
    assert allocator.asked == [(10, played.pending)] * 3
    assert (played.checks, played.closed, played.told) == (1, 1, [])


def test_a_batch_takes_what_the_limit_has_left_and_ends_the_pass_with_its_last_row() -> None:
    played, allocator = Played(limit_rows=11), Ranges(ONE, TWO, ONE)
    played.worker.one_pass(allocator)
    assert played.rotated == [(ONE, 10), (TWO, 1)]
    assert not allocator.is_over


@pytest.mark.parametrize("ranges", [[], [None], [None, None]])
def test_what_a_look_up_did_not_find_is_given_back_to_the_limit(ranges: list[None]) -> None:
    played = Played(limit_rows=10)
    played.worker.one_pass(Ranges(*ranges))
    assert (played.rotated, played.limit.take(100)) == ([], 10)


def test_a_stretch_without_a_pending_row_does_not_end_the_pass() -> None:
    played = Played()
    played.worker.one_pass(Ranges(None, ONE, None, TWO))
    assert [keys for keys, _ in played.rotated] == [ONE, TWO]


def test_rows_of_a_look_up_that_the_server_did_not_serve_are_for_the_other_workers() -> None:
    played = Played(limit_rows=10)
    with pytest.raises(DatabaseGoneError):
        played.worker.one_pass(Ranges(GONE))
    assert played.limit.take(100) == 10


def test_changes_that_did_not_stick_end_the_pass() -> None:
    played, allocator = Played(), Ranges(ONE, TWO)
    played.outcomes = [BatchOutcome(0, did_not_stick=True)]
    assert played.worker.one_pass(allocator) == PassOutcome(did_not_stick=True, stuck=ONE)
    assert allocator.is_over
    assert [keys for keys, _ in played.rotated] == [ONE]


def test_it_waits_until_the_throttle_lets_it_go_on() -> None:
    played = Played()
    played.waits = waits = [Wait(1, "pace", "a"), Wait(2, "traffic", "b")]
    told = list(waits)
    played.worker.one_pass(Ranges(ONE))
    assert (played.kept, played.rotated) == (told, [(ONE, 10)])


@pytest.mark.parametrize("ended_by", ["stop", "another worker"])
def test_nothing_more_is_begun_once_the_end_is_asked_for(ended_by: str) -> None:
    played, allocator = Played(), Ranges(ONE)
    end = played.stop.request if ended_by == "stop" else allocator.close
    end()
    assert played.worker.one_pass(allocator) == PassOutcome()
    assert (played.rotated, allocator.asked) == ([], [])


def test_others_wait_for_no_connection_to_be_opened() -> None:
    class Opened(Ranges):
        def _next(self, batch_rows: int, finder: Finder) -> KeyRange | None:
            opened.append(played.opened)
            return super()._next(batch_rows, finder)

    played, opened = Played(), list[int]()
    played.worker.one_pass(Opened(ONE))
    assert opened == [2, 4], "once for the throttle and once for the look-up, each time"


def test_a_long_look_for_pending_rows_is_told_every_two_seconds() -> None:
    played, told_at = Played(), []
    for _ in range(25):
        played.worker.tell_of_looking()
        told_at += [played.clock.now - 50.0] * len(played.told)
        played.told.clear()
        played.clock.now += 0.25
    assert told_at == [2.0, 4.0, 6.0]


def test_what_is_told_of_a_look_is_a_wait_that_locks_nothing() -> None:
    played = Played()
    played.clock.now += 2.0
    played.worker.tell_of_looking()
    [said] = played.told
    assert isinstance(said, Waiting)
    assert "looking for pending rows" in said.reason


def test_who_has_just_rotated_a_batch_does_not_tell_of_looking() -> None:
    played = Played()
    played.seconds_a_batch = 5.0
    played.worker.one_pass(Ranges(ONE, None))
    assert played.told == []
    played.clock.now += 2.0
    played.worker.one_pass(Ranges(None))
    assert len(played.told) == 1


def test_a_probe_of_the_server_takes_two_seconds_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, int]] = []

    def is_reachable(alias: str, *, connect_seconds: int) -> bool:
        asked.append((alias, connect_seconds))
        return False

    monkeypatch.setattr(module, "is_reachable", is_reachable)
    assert not Played().worker.is_served()
    assert asked == [("default", 2)]


def test_many_batches_without_a_row_are_looked_into_and_one_with_a_row_begins_anew() -> None:
    played = Played()
    looked_at: list[KeyRange] = []
    played.worker.pending = cast(PendingRows, SimpleNamespace(check_order=looked_at.append))
    few, one_row = [BatchOutcome(0)] * (module.EMPTY_BATCHES - 1), [BatchOutcome(1)]
    skipped = [BatchOutcome(0, 1)]
    played.outcomes = [*few, *one_row, *few, *skipped, *few, BatchOutcome(0), BatchOutcome(0)]
    played.worker.one_pass(Ranges(*[ONE] * (len(played.outcomes) - 1), TWO))
    assert looked_at == [ONE, TWO]


def test_a_look_up_is_cancelled_and_nothing_else_and_no_batch_follows_it() -> None:
    played = Played()
    cancelled: list[str] = []
    played.cancel = lambda: cancelled.append("look-up")  # type: ignore[attr-defined]
    played.worker.end_look()
    assert cancelled == []

    class Stopping(Ranges):
        def _next(self, batch_rows: int, finder: Finder) -> KeyRange | None:
            played.stop.request()
            played.worker.end_look()
            return super()._next(batch_rows, finder)

    played.worker.one_pass(Stopping(ONE, TWO))
    assert cancelled == ["look-up"]
    assert played.rotated == []


def test_a_look_up_that_was_ended_has_no_answer_and_an_abort_passes_through() -> None:
    played = Played()

    def ended(*_: object, **__: object) -> None:
        raise AbortedError("ended")

    played.run = ended  # type: ignore[assignment, method-assign]
    played.stop.request()
    assert played.worker.look_up(lambda: 1) is None
    played.stop.abort()
    with pytest.raises(AbortedError):
        played.worker.look_up(lambda: 1)

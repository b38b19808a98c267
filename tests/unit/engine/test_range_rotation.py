"""What a range gets done counts once: for the limit, the pace and whoever watches."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import cast

import pytest

from tests.support import driver
from tests.support.clock import Clock
from tests.support.refusals import DEADLOCK, DUPLICATE, TIMED_OUT, refusal
from token_rotation.engine.batches.batch import BatchRunner
from token_rotation.engine.batches.batch_outcome import BatchOutcome
from token_rotation.engine.batches.first_row import Fate, FirstRow
from token_rotation.engine.batches.pending_rows import PendingRows
from token_rotation.engine.batches.range_rotation import RangeRotation
from token_rotation.engine.batches.range_update import RangeUpdate
from token_rotation.engine.batches.refusals import Refusals
from token_rotation.engine.row_limit import RowLimit
from token_rotation.errors import StatementError
from token_rotation.events import BatchDone, Event, Retrying
from token_rotation.notify.announcements import Announcements
from token_rotation.pacing.worker_pace import WorkerPace
from token_rotation.postgres.backoff import Backoff
from token_rotation.postgres.connection import Connection
from token_rotation.postgres.retrying import RetryLoop
from token_rotation.selection.key_range import KeyRange
from token_rotation.selection.target import Target
from token_rotation.stop import StopSignal
from token_rotation.tokens.sources import SqlTokens

TARGET = Target(
    "tickets.Ticket", "default", "ticket", "id", "token", "at", SqlTokens("f()"), True, ()
)
KEYS = KeyRange(10, 20)
Step = tuple[int, int, str | None]
"""Rows that commit, seconds that it takes, and the SQLSTATE of what comes then."""


class Pace:
    """Says 100 rows a batch, a tenth after each time-out, and 15 for the next one."""

    batch_rows, giving_way_because = 15, "probe +4 ms of 5"

    def __init__(self) -> None:
        self.full_batch_rows = 100
        self.learned: list[tuple[int, float]] = []
        self.done: list[tuple[int, float]] = []
        self.at_work = 0

    def learn(self, rows: int, seconds: float) -> None:
        self.learned.append((rows, seconds))

    def batch_done(self, rows: int, began_at: float) -> None:
        self.done.append((rows, began_at))

    @contextmanager
    def batch(self) -> Iterator[None]:
        self.at_work += 1
        try:
            yield
        finally:
            self.at_work -= 1

    def timed_out(self) -> None:
        self.full_batch_rows //= 10


class Row:
    fate = Fate.LOCKED_BY_OTHERS
    locked_at = 0.0


class Waits(StopSignal):
    """Take no time but the clock's."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def wait(self, seconds: float) -> bool:
        self._clock.now += 1
        return False


class Played:
    """A rotation of ranges whose batches go as they are told."""

    def __init__(self, *steps: Step, limit_rows: int | None = None) -> None:
        self.clock, self.pace, self.limit = Clock(), Pace(), RowLimit(limit_rows)
        self.refusals = Refusals(TARGET, self._note)
        self.steps = list(steps)
        self.asked: list[tuple[str, KeyRange, int | None]] = []
        self.waited_seconds: list[float] = []
        self.at_work: list[int] = []
        self.told: list[BatchDone] = []
        self.retried = 0
        self.committed_rows = self.sent = 0
        self.row = Row()
        self.commit_fails = False
        retrying = RetryLoop(
            cast(Connection, self),
            backoff=Backoff(60),
            stop=Waits(self.clock),
            observe=self._note,
            clock=self.clock,
        )
        self.ranges = RangeRotation(
            cast(BatchRunner, self),
            cast(RangeUpdate, self),
            pending=cast(PendingRows, self),
            announcements=cast(Announcements, self),
            retrying=retrying,
            pace=cast(WorkerPace, self.pace),
            row_limit=self.limit,
            refusals=self.refusals,
            observe=self._note,
            clock=self.clock,
        )

    def _note(self, event: Event) -> None:
        self.retried += isinstance(event, Retrying)
        if isinstance(event, BatchDone):
            self.told.append(event)

    def rotate(self, keys: KeyRange, limit_rows: int | None) -> BatchOutcome:
        return self._step("rotate", keys, limit_rows)

    def rotate_and_check(self, keys: KeyRange, limit_rows: int | None) -> BatchOutcome:
        return self._step("check", keys, limit_rows)

    def _step(self, how: str, keys: KeyRange, limit_rows: int | None) -> BatchOutcome:
        self.asked.append((how, keys, limit_rows))
        self.at_work.append(self.pace.at_work)
        rows, seconds, sqlstate = self.steps.pop(0)
        self.committed_rows += rows
        self.clock.now += seconds
        if sqlstate is not None:
            raise refusal(sqlstate)
        return BatchOutcome(rows, 1)

    def first_part(self, keys: KeyRange, rows: int) -> KeyRange:
        return KeyRange(keys.after, f"the first {rows}")

    @contextmanager
    def first_row(
        self, _: KeyRange, wait_seconds: float, clock: Callable[[], float]
    ) -> Iterator[Row]:
        assert clock is self.clock
        self.waited_seconds.append(wait_seconds)
        yield self.row
        if self.commit_fails:
            raise refusal(DEADLOCK)

    def send(self) -> None:
        self.sent += 1


def test_a_batch_is_told_and_counts_for_the_pace_and_what_it_learns() -> None:
    played = Played((7, 3, None), limit_rows=30)
    assert played.limit.take(10) == 10
    assert played.ranges.rotate(KEYS, 10) == BatchOutcome(7, 1)
    assert played.told == [BatchDone(KEYS, 7, 1, 3.0, 15, giving_way_because="probe +4 ms of 5")]
    assert (played.pace.learned, played.pace.done) == ([(7, 3.0)], [(7, 50.0)])
    assert played.limit.take(100) == 23
    assert (played.retried, played.sent) == (0, 1)


def test_the_first_batch_is_checked_and_the_next_ones_are_not_unless_it_is_asked_for() -> None:
    played = Played(*[(1, 1, None)] * 5)
    played.ranges.rotate(KEYS, 1)
    played.ranges.rotate(KEYS, 1)
    played.ranges.check_next()
    played.ranges.rotate(KEYS, 1)
    played.ranges.rotate(KEYS, 1)
    assert [how for how, _, _ in played.asked] == ["check", "rotate", "check", "rotate"]


def test_the_pace_knows_while_a_batch_is_at_work_and_that_it_has_ended_however_it_ends() -> None:
    played = Played((0, 1, DEADLOCK), (1, 1, None), (0, 1, DUPLICATE))
    played.ranges.rotate(KEYS, 1)
    assert (played.at_work, played.pace.at_work) == ([1, 1], 0)
    with pytest.raises(StatementError):
        played.ranges.rotate(KEYS, 1)
    assert (played.at_work, played.pace.at_work) == ([1, 1, 1], 0)


def test_a_check_that_fails_is_made_again() -> None:
    played = Played((0, 1, DEADLOCK), (1, 1, None))
    played.ranges.rotate(KEYS, 1)
    assert [how for how, _, _ in played.asked] == ["check", "check"]


@pytest.mark.parametrize(("limit_rows", "asked"), [(None, [None, None]), (30, [10, 6])])
def test_a_try_after_a_fault_takes_what_the_tries_before_it_have_left(
    limit_rows: int | None, asked: list[int | None]
) -> None:
    played = Played((4, 3, DEADLOCK), (5, 2, None), limit_rows=limit_rows)
    played.limit.take(10)
    played.committed_rows = 1_000  # by the ranges before
    assert played.ranges.rotate(KEYS, 10) == BatchOutcome(9, 1)
    assert [limit for _, _, limit in played.asked] == asked
    assert played.pace.learned == [(5, 2.0)], "the rows and the time of the last try"
    assert played.pace.done == [(9, 54.0)], "3 s the first try, 1 s the wait"
    assert [event.rotated_rows for event in played.told] == [9]
    assert played.retried == 1
    assert played.limit.take(1_000) == (1_000 if limit_rows is None else 21)


def test_after_a_time_out_a_try_takes_only_the_first_part_of_its_range() -> None:
    played = Played((0, 1, TIMED_OUT), (0, 1, TIMED_OUT), (1, 1, None))
    played.ranges.rotate(KEYS, 10)
    assert [keys for _, keys, _ in played.asked] == [KEYS, KEYS, KeyRange(10, "the first 1")]


def test_another_fault_makes_no_batch_smaller() -> None:
    played = Played((0, 1, DEADLOCK), (1, 1, None))
    played.ranges.rotate(KEYS, 100)
    assert [keys for _, keys, _ in played.asked] == [KEYS, KEYS]
    assert played.pace.full_batch_rows == 100


def test_what_has_committed_before_a_batch_fails_for_good_is_told_and_the_rest_given_back() -> None:
    played = Played((4, 3, DUPLICATE), limit_rows=30)
    played.limit.take(10)
    with pytest.raises(StatementError):
        played.ranges.rotate(KEYS, 10)
    assert played.told == [BatchDone(KEYS, 4, 0, 3.0, 100)]
    assert played.limit.take(100) == 26
    assert (played.pace.learned, played.sent) == ([], 1)


def test_a_batch_that_fails_without_a_commit_is_not_told() -> None:
    played = Played((0, 3, DUPLICATE), limit_rows=30)
    played.limit.take(10)
    with pytest.raises(StatementError):
        played.ranges.rotate(KEYS, 10)
    assert (played.told, played.limit.take(100), played.sent) == ([], 30, 1)


def test_a_row_that_was_waited_for_is_told_with_the_time_since_it_was_locked() -> None:
    played = Played(limit_rows=5)
    with played.ranges.first_row(KEYS, 0.75) as row:
        assert row is cast(FirstRow, played.row)
        played.row.fate, played.row.locked_at = Fate.ROTATED, 58.0
        played.clock.now = 60.0
    assert played.waited_seconds == [0.75]
    assert played.told == [BatchDone(KEYS, 1, 0, 2.0, 100)]
    assert played.limit.take(100) == 4
    assert played.sent == 0, "the caller sends it"


@pytest.mark.parametrize("fate", [Fate.LOCKED_BY_OTHERS, Fate.DID_NOT_STICK, Fate.LEFT])
def test_a_row_that_was_not_rotated_is_given_back_to_the_limit(fate: Fate) -> None:
    played = Played(limit_rows=5)
    with played.ranges.first_row(KEYS, 1.0):
        played.row.fate = fate
    assert (played.told, played.limit.take(100)) == ([], 5)


def test_a_row_whose_wait_fails_is_given_back_to_the_limit() -> None:
    played = Played(limit_rows=5)
    played.row.fate, played.commit_fails = Fate.ROTATED, True
    with pytest.raises(driver.Error), played.ranges.first_row(KEYS, 1.0):
        pass
    assert (played.told, played.limit.take(100)) == ([], 5)

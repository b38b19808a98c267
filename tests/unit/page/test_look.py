"""Looks at the table cost what it is large; all who watch share them."""

from collections.abc import Callable
from threading import Event, Thread
from typing import Any, cast

from token_rotation.errors import DatabaseGoneError
from token_rotation.inspection.counting import Counts, PendingCount
from token_rotation.inspection.preflight import GuardState
from token_rotation.inspection.storage import Storage
from token_rotation.inspection.verdict.verdict import Unread
from token_rotation.page.look import Looks
from token_rotation.reporting.report import Report
from token_rotation.selection.target import Target
from token_rotation.tokens.sources import SqlTokens

TARGET = Target("shop.Order", "default", "order", "id", "token", "at", SqlTokens("f()"), True, ())


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


class Table:
    """Counts its looks; each takes ``seconds``."""

    def __init__(self, clock: Clock, pending: int = 1000, seconds: float = 0.0) -> None:
        self.looks = self.guards = 0
        self.pending = pending
        self._clock = clock
        self._seconds = seconds

    def __call__(self, target: Target) -> Report:
        self.looks += 1
        self._clock.now += self._seconds
        self.guards += 1
        counts = Counts(5000, False, PendingCount(self.pending, is_estimate=False), None, None)
        return Report(target, counts, Storage(), GuardState({}, {}, ()), Unread("a test"))

    def guard(self, _: Target) -> GuardState:
        self.guards += 1
        return GuardState({"insert": "disabled"}, {}, ())


def test_a_cheap_look_is_shared_for_a_moment() -> None:
    clock = Clock()
    table = Table(clock)
    looks = Looks(table, table.guard, clock)
    for _ in range(4):
        looks.at(TARGET, "moment", clock)
        clock.now += 0.5
    assert table.looks == 2


def test_a_dear_look_is_good_for_thirty_times_what_it_took() -> None:
    clock = Clock()
    table = Table(clock, seconds=1.0)
    looks = Looks(table, table.guard, clock)
    looks.at(TARGET, "moment", clock)
    clock.now += 29.9
    looks.at(TARGET, "moment", clock)
    assert table.looks == 1
    clock.now += 0.2
    looks.at(TARGET, "moment", clock)
    assert table.looks == 2


def test_the_guard_is_looked_at_every_five_seconds_however_dear_counting_is() -> None:
    clock = Clock()
    table = Table(clock, seconds=1.0)
    looks = Looks(table, table.guard, clock)
    for _ in range(11):
        look = looks.at(TARGET, "moment", clock)
        clock.now += 1
    assert (table.looks, table.guards) == (1, 3)
    assert look.report is not None
    assert not look.report.guard.holds
    assert look.pending_rows(0) == 1000


def test_when_the_database_goes_away_between_two_counts_it_is_said_with_the_guard() -> None:
    clock = Clock()
    table = Table(clock, seconds=1.0)

    def unreachable(_: Target) -> GuardState:
        raise DatabaseGoneError("cannot reach the database")

    looks = Looks(table, unreachable, clock)
    looks.at(TARGET, "moment", clock)
    clock.now += 5
    assert str(looks.at(TARGET, "moment", clock).error) == "cannot reach the database"


def test_when_a_rotation_has_begun_or_ended_the_table_is_looked_at_anew() -> None:
    clock = Clock()
    table = Table(clock, seconds=1.0)
    looks = Looks(table, table.guard, clock)
    looks.at(TARGET, "before", clock)
    looks.at(TARGET, "after", clock)
    assert table.looks == 2


def test_what_running_rotations_have_done_since_the_look_is_taken_off() -> None:
    looks = Looks(Table(Clock()), clock=Clock())
    look = looks.at(TARGET, "moment", lambda: 1_700_000_000.5)
    assert look.counted_at == 1_700_000_000.5
    assert look.pending_rows(0) == 1000
    assert look.pending_rows(150) == 850


def test_progress_alone_never_says_that_nothing_is_pending() -> None:
    looks = Looks(Table(Clock()), clock=Clock())
    assert looks.at(TARGET, "moment", Clock()).pending_rows(5000) == 1
    looks = Looks(Table(Clock(), pending=0), clock=Clock())
    assert looks.at(TARGET, "moment", Clock()).pending_rows(0) == 0


def test_a_look_that_fails_says_why_and_is_tried_again_soon() -> None:
    clock = Clock()

    def unreachable(_: Target) -> Report:
        raise DatabaseGoneError("cannot reach the database")

    look = Looks(unreachable, clock=clock).at(TARGET, "moment", clock)
    assert look.report is None
    assert look.pending_rows(0) is None
    assert str(look.error) == "cannot reach the database"
    assert look.good_until == clock.now + 1.5


def test_while_somebody_looks_others_see_what_was_there_before() -> None:
    clock = Clock()
    looking, go_on = Event(), Event()
    table = Table(clock)

    def slow(target: Target) -> Report:
        if table.looks:
            looking.set()
            assert go_on.wait(30)
        return table(target)

    looks = Looks(slow, table.guard, clock)
    first = looks.at(TARGET, "moment", clock)
    clock.now += 60
    thread = Thread(target=cast(Callable[..., Any], looks.at), args=(TARGET, "moment", clock))
    thread.start()
    assert looking.wait(30)
    assert looks.at(TARGET, "moment", clock) is first
    go_on.set()
    thread.join()
    assert table.looks == 2

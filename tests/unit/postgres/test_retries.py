"""What is tried again, how it is told, and when a connection is given up for a new one."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from django.db import OperationalError as BackendError

from tests.support import driver
from tests.support.driver import errors
from token_rotation.errors import AbortedError, DatabaseGoneError, StatementError
from token_rotation.events import Event, Remark, Retrying
from token_rotation.postgres.backoff import Backoff
from token_rotation.postgres.connection import Connection
from token_rotation.postgres.faults.sqlstate import Fault, classify
from token_rotation.postgres.retrying import LastingFaultError, RetryLoop
from token_rotation.postgres.silence.errors import StillAliveError
from token_rotation.stop import StopSignal


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


class Waits(StopSignal):
    """Its waits take no time but that of the clock; ``ends_at`` is the one that is interrupted."""

    def __init__(self, clock: Clock, ends_at: int | None = None) -> None:
        super().__init__()
        self._clock = clock
        self._ends_at = ends_at
        self.seconds: list[float] = []

    def wait(self, seconds: float) -> bool:
        self.seconds.append(seconds)
        self._clock.now += seconds
        return len(self.seconds) == self._ends_at


class Closed:
    """A connection that counts how often it was closed."""

    times = 0

    def limit_patience(self, seconds: float) -> None:
        self.patience_seconds = seconds

    def close(self) -> None:
        self.times += 1


class Server:
    """Meets a fault at each of the first calls, then answers."""

    def __init__(self, *faults: Exception) -> None:
        self._faults = list(faults)

    def ask(self) -> str:
        if self._faults:
            raise self._faults.pop(0)
        return "answer"


class Played:
    def __init__(self, *, give_up_after_seconds: float = 60.0, ends_at: int | None = None) -> None:
        self.clock, self.closed = Clock(), Closed()
        self.stop = Waits(self.clock, ends_at)
        self.told: list[Retrying] = []
        self.remarks: list[str] = []
        self.retries = RetryLoop(
            cast(Connection, self.closed),
            backoff=Backoff(give_up_after_seconds),
            stop=self.stop,
            observe=self._note,
            clock=self.clock,
        )

    def _note(self, event: Event) -> None:
        if isinstance(event, Remark):
            self.remarks.append(event.text)
            return
        assert isinstance(event, Retrying)
        self.told.append(event)


LOST = driver.OperationalError("server closed the connection unexpectedly")


class SessionLost(driver.OperationalError):
    """A statement met it, on a session that is closed now."""

    token_rotation_session = SimpleNamespace(closed=2)  # as psycopg 3 has it, and psycopg 2
    cursor = SimpleNamespace(connection=token_rotation_session)
    pgcode = sqlstate = "57P02"


class Deadlock(errors.DeadlockDetected):
    pgcode = sqlstate = "40P01"


class Timeout(errors.QueryCanceled):
    pgcode = sqlstate = "57014"


class Duplicate(errors.UniqueViolation):
    pgcode = sqlstate = "23505"


def test_each_retry_is_told_and_counted_and_waits_longer() -> None:
    played = Played()
    assert played.retries.run(Server(LOST, LOST, LOST).ask) == "answer"
    assert [event.attempt for event in played.told] == [1, 2, 3]
    assert [event.delay_seconds for event in played.told] == played.stop.seconds
    assert played.retries.retries == 3
    for attempt, waited in enumerate(played.stop.seconds, start=1):
        full = 0.1 * 2.0 ** (attempt - 1)
        assert full / 2 <= waited <= full


def test_a_success_makes_the_time_and_the_attempts_begin_anew() -> None:
    played = Played(give_up_after_seconds=10.0)
    server = Server(LOST)
    played.retries.run(server.ask)
    played.clock.now += 100.0
    assert played.retries.run(Server(LOST).ask) == "answer"
    assert [event.attempt for event in played.told] == [1, 1]
    assert played.retries.retries == 2


@pytest.mark.parametrize(
    ("fault", "closes"), [(LOST, 1), (Deadlock("a"), 0), (Timeout("b"), 0), (BackendError("c"), 1)]
)
def test_only_a_connection_that_was_lost_is_closed(fault: Exception, closes: int) -> None:
    played = Played()
    assert played.retries.run(Server(fault).ask) == "answer"
    assert played.closed.times == closes


def test_what_a_retry_does_not_mend_is_not_tried_again() -> None:
    played = Played()
    with pytest.raises(StatementError, match=r"refused the statement: Duplicate \(23505\)"):
        played.retries.run(Server(Duplicate("a")).ask)
    assert (played.told, played.stop.seconds, played.closed.times) == ([], [], 0)


def test_an_error_of_a_program_passes_through() -> None:
    with pytest.raises(ZeroDivisionError):
        Played().retries.run(Server(ZeroDivisionError()).ask)


def test_a_fault_after_an_abort_is_the_end() -> None:
    played = Played()
    played.stop.abort()
    with pytest.raises(AbortedError, match="the batch in flight was rolled back"):
        played.retries.run(Server(Timeout("a")).ask)
    assert played.told == []


def test_an_abort_without_the_servers_answer_calls_the_batch_not_known() -> None:
    played = Played()
    played.stop.abort()
    with pytest.raises(AbortedError, match="not known whether the batch in flight was committed"):
        played.retries.run(Server(LOST).ask)
    (remark,) = played.remarks
    assert "not known" in remark


def test_a_look_that_proved_alive_is_repeated_for_an_hour_without_counting_as_a_fault() -> None:
    played = Played(give_up_after_seconds=0.0)
    server = Server(StillAliveError(30.0), StillAliveError(1920.0))
    assert played.retries.run(server.ask, is_look=True) == "answer"
    assert played.retries.retries == 0
    assert played.stop.seconds == []
    with pytest.raises(LastingFaultError, match="cancelled after 3600 s"):
        played.retries.run(always(StillAliveError(3600.0)), is_look=True)


def test_a_server_that_crashes_each_time_it_is_back_is_left_after_a_few_times() -> None:
    """Its refusals to connect lie between: a trigger that crashes its backend ends all others."""
    played = Played(give_up_after_seconds=1e6)
    crashing = Server(*[SessionLost(), LOST, LOST] * 10)
    with pytest.raises(DatabaseGoneError, match="the server crashed 4 times in the same") as raised:
        played.retries.run(crashing.ask)
    assert not isinstance(raised.value, LastingFaultError), "halving would crash it again"


def test_a_server_that_crashes_less_often_is_waited_for() -> None:
    played = Played(give_up_after_seconds=1e6)
    crashing = Server(*[SessionLost(), LOST, LOST] * 3)
    assert played.retries.run(crashing.ask) == "answer"


def test_another_statement_that_proves_alive_again_and_again_is_bounded_as_a_fault() -> None:
    played = Played(give_up_after_seconds=40.0)
    with pytest.raises(LastingFaultError, match=r"gave up after 40\.0 s of retries: a live"):
        played.retries.run(always(StillAliveError(30.0)))
    assert played.closed.patience_seconds == 40.0


def test_nothing_that_proved_alive_is_tried_again_once_the_end_is_asked_for() -> None:
    played = Played()
    played.stop.request()
    with pytest.raises(AbortedError, match="the batch in flight was rolled back"):
        played.retries.run(Server(StillAliveError(30.0)).ask)
    assert played.stop.seconds == []


def test_a_wait_that_is_interrupted_is_the_end() -> None:
    played = Played(ends_at=2)
    with pytest.raises(AbortedError, match="the database kept failing: server closed"):
        played.retries.run(Server(LOST, LOST, LOST).ask)
    assert len(played.stop.seconds) == 2


@pytest.mark.parametrize("seconds", [0.0, 0.5])
def test_the_last_wait_ends_when_the_time_is_over_and_not_later(seconds: float) -> None:
    played = Played(give_up_after_seconds=seconds)
    with pytest.raises(DatabaseGoneError, match=f"gave up after {seconds:.1f} s of retries"):
        played.retries.run(always(LOST))
    assert sum(played.stop.seconds) == pytest.approx(seconds)
    assert all(waited > 0 for waited in played.stop.seconds)


def always(fault: Exception) -> Callable[[], Any]:
    def ask() -> Any:
        raise fault

    return ask


def test_a_wait_never_exceeds_its_bound_and_has_a_random_half() -> None:
    backoff = Backoff(give_up_after_seconds=1.0, first_seconds=0.25, longest_seconds=3.0)
    assert [backoff.delay_seconds(n, lambda: 0.0) for n in (1, 2, 3, 5, 10_000)] == [
        0.125,
        0.25,
        0.5,
        1.5,
        1.5,
    ]
    assert backoff.delay_seconds(3, lambda: 0.5) == 0.75
    assert backoff.delay_seconds(3, lambda: 1.0) == 1.0
    assert Backoff(1.0).delay_seconds(1, lambda: 1.0) == 0.1
    assert Backoff(1.0).delay_seconds(99, lambda: 1.0) == 5.0


@pytest.mark.parametrize(
    ("sqlstate", "fault"),
    [
        (None, Fault.CONNECTION),
        ("08006", Fault.CONNECTION),
        ("08P01", Fault.CONNECTION),
        ("55P03", Fault.LOCKED),
        ("40001", Fault.CONTENTION),
        ("57014", Fault.TIMED_OUT),
        ("25006", Fault.CONNECTION),
        ("42P01", Fault.FATAL),
        ("0A000", Fault.FATAL),
        ("", Fault.FATAL),
    ],
)
def test_an_sqlstate_tells_what_went_wrong(sqlstate: str | None, fault: Fault) -> None:
    assert classify(sqlstate) is fault

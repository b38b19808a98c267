"""Which faults are tried again, and how long the waits are."""

import psycopg2
import pytest
from django.db import IntegrityError

from token_rotation.postgres.backoff import Backoff
from token_rotation.postgres.retrying import retry_at_once
from token_rotation.postgres.sqlstate import Fault, classify


@pytest.mark.parametrize(
    ("sqlstate", "fault"),
    [
        ("55P03", Fault.LOCKED),
        ("40P01", Fault.CONTENTION),
        ("40001", Fault.CONTENTION),
        ("57014", Fault.TIMED_OUT),
        ("57P01", Fault.CONNECTION),
        ("57P03", Fault.CONNECTION),
        ("08006", Fault.CONNECTION),
        ("53300", Fault.CONNECTION),
        (None, Fault.CONNECTION),
        ("23505", Fault.DUPLICATE_TOKEN),
        ("42501", Fault.FATAL),
        ("22P02", Fault.FATAL),
        ("53100", Fault.FATAL),
        ("XX001", Fault.FATAL),
    ],
)
def test_sqlstate_decides_the_fault(sqlstate: str | None, fault: Fault) -> None:
    assert classify(sqlstate) is fault


def test_waits_double_up_to_the_longest_and_are_spread_by_jitter() -> None:
    backoff = Backoff(60, first_seconds=0.1, longest_seconds=1.0)
    longest = [backoff.delay_seconds(attempt, lambda: 1.0) for attempt in range(1, 7)]
    assert longest == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.0, 1.0])
    assert backoff.delay_seconds(4, lambda: 0.0) == pytest.approx(0.4)


def test_the_thousandth_attempt_has_a_wait_too() -> None:
    assert Backoff(60).delay_seconds(1000, lambda: 1.0) == 5.0


def test_no_wait_outlasts_the_time_that_is_left() -> None:
    backoff = Backoff(60, first_seconds=10, longest_seconds=10)
    assert 5 <= (backoff.next_wait(1, 0) or 0) <= 10
    assert backoff.next_wait(7, 59) == 1
    assert backoff.next_wait(7, 60) is None


class Server:
    """Fails with each of ``sqlstates`` in turn, then answers."""

    def __init__(self, *sqlstates: str) -> None:
        self._sqlstates = list(sqlstates)
        self.tries = 0

    def ask(self) -> str:
        self.tries += 1
        if self._sqlstates:
            error = type("Refused", (psycopg2.Error,), {"pgcode": self._sqlstates.pop(0)})
            raise error
        return "answer"

    def ask_through_django(self) -> str:
        try:
            return self.ask()
        except psycopg2.Error as error:
            raise IntegrityError from error


@pytest.mark.parametrize("way", ["ask", "ask_through_django"])
def test_an_action_is_run_again_at_once_on_the_fault_that_was_named_and_no_other(way: str) -> None:
    server = Server("23505", "23505")
    assert retry_at_once(getattr(server, way), on=Fault.DUPLICATE_TOKEN, tries=3) == "answer"
    server = Server("23505", "23505")
    with pytest.raises((psycopg2.Error, IntegrityError)):
        retry_at_once(getattr(server, way), on=Fault.DUPLICATE_TOKEN, tries=2)
    assert server.tries == 2
    server = Server("40P01")
    with pytest.raises((psycopg2.Error, IntegrityError)):
        retry_at_once(getattr(server, way), on=Fault.DUPLICATE_TOKEN, tries=3)
    assert server.tries == 1

"""One row that never ends its statement, or its connection, is found and left; all others rotate.

The bounds of silence are short ones, of the tests' own.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.support.leaked import assert_each_token_changed_once, leak, pending, value
from tests.support.rotations import RotationFactory
from token_rotation.engine import worker
from token_rotation.engine.batches import isolation
from token_rotation.engine.result import Outcome, Result
from token_rotation.errors import AbortedError, DatabaseGoneError
from token_rotation.events import Event, Remark, Retrying, Waiting
from token_rotation.postgres.silence.bounds import USUAL
from token_rotation.stop import StopSignal

pytestmark = pytest.mark.server_versions

IMPATIENT = replace(USUAL, ask_after_seconds=0.1, ask_every_seconds=0.1, lifeless_seconds=0.4)
POISON = (
    "CREATE FUNCTION poison() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body}; RETURN NEW; "
    "END $$; CREATE {kind} UPDATE ON tickets_ticket {deferred} FOR EACH ROW WHEN ({when}) "
    "EXECUTE FUNCTION poison()"
)
AT_ONCE = {"kind": "TRIGGER poison BEFORE", "deferred": ""}
AT_COMMIT = {
    "kind": "CONSTRAINT TRIGGER poison AFTER",
    "deferred": "DEFERRABLE INITIALLY DEFERRED",
}
SLEEPS = "PERFORM pg_sleep(100000)"
HANGS_UP = "PERFORM pg_terminate_backend(pg_backend_pid())"
ASLEEP = "SELECT max(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "USUAL", IMPATIENT)


def poison(
    tickets: Any, body: str, when: str = "OLD.id = 17", fires: dict[str, str] = AT_ONCE
) -> None:
    tickets.cursor().execute(POISON.format(body=body, when=when, **fires))


def names(result: Result) -> list[str]:
    return [each.name for each in result.refused.named]


@pytest.mark.parametrize(
    ("body", "fires", "why", "options"),
    [
        (SLEEPS, AT_ONCE, "its statement did not end in 0.5 s", {"batch_rows": 12}),
        (SLEEPS, AT_COMMIT, "its statement did not end in 0.5 s", {"batch_rows": 12}),
        (HANGS_UP, AT_ONCE, "3 connections were lost at it", {"batch_rows": 12}),
        (HANGS_UP, AT_COMMIT, "3 connections were lost at it", {"batch_rows": 12}),
        (HANGS_UP, AT_ONCE, "3 connections were lost at it", {"batch_rows": 20, "workers": 2}),
    ],
)
def test_a_row_whose_statement_or_connection_never_ends_well_is_named_and_left(
    tickets: Any,
    rotation: RotationFactory,
    body: str,
    fires: dict[str, str],
    why: str,
    options: dict[str, int],
) -> None:
    leak(tickets, 24)
    poison(tickets, body, fires=fires)
    told: list[Event] = []
    result = rotation(told.append, retry_seconds=0.5, **options).run()
    assert (result.outcome, result.rotated_rows) == (Outcome.ROWS_REFUSED, 23)
    assert names(result) == ["id 17"]
    assert why in result.refused.named[0].reason
    assert any("Looking for the rows" in str(event) for event in told)
    tickets.cursor().execute("DROP FUNCTION poison CASCADE")
    assert rotation().run().outcome is Outcome.COMPLETE
    assert_each_token_changed_once(tickets)


def test_a_stop_ends_it_when_a_slow_statement_is_cancelled_and_tries_nothing_again(
    tickets: Any, rotation: RotationFactory
) -> None:
    leak(tickets, 60)
    poison(tickets, "PERFORM nextval('tries'); " + SLEEPS)
    tickets.cursor().execute("CREATE SEQUENCE tries MINVALUE 0")
    stop = StopSignal()
    told: list[Event] = []

    def stop_while_it_waits(event: Event) -> None:
        told.append(event)
        if isinstance(event, Waiting) and value(tickets, ASLEEP):
            stop.request()

    with pytest.raises(AbortedError, match="the batch in flight was rolled back"):
        rotation(stop_while_it_waits, stop, batch_rows=60, retry_seconds=600).run()
    # One more: the UPDATE of the whole range has half a second.
    assert value(tickets, "SELECT last_value FROM tries") <= 2
    assert not [event for event in told if isinstance(event, Remark | Retrying)]
    assert pending(tickets) == 60


def test_a_slow_batch_is_done_in_parts_and_no_row_is_blamed(
    tickets: Any, rotation: RotationFactory
) -> None:
    """Each UPDATE of more than five rows takes for ever; smaller ones take no time."""
    leak(tickets, 16)
    poison(
        tickets,
        "PERFORM set_config('test.rows', "
        "(coalesce(nullif(current_setting('test.rows', true), ''), '0')::int + 1)::text, true); "
        f"IF current_setting('test.rows')::int > 5 THEN {SLEEPS}; END IF",
        when="true",
    )
    result = rotation(batch_rows=8, retry_seconds=0.3).run()
    assert (result.outcome, result.rotated_rows) == (Outcome.COMPLETE, 16)
    assert result.refused.rows == 0
    assert_each_token_changed_once(tickets)


def test_where_each_row_is_so_it_ends_after_a_few(
    tickets: Any, rotation: RotationFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(isolation, "COSTLY_IN_A_ROW", 2)
    leak(tickets, 60)
    poison(tickets, HANGS_UP, when="OLD.id > 20")
    result = rotation(batch_rows=20, retry_seconds=0.3).run()
    assert (result.outcome, result.rotated_rows) == (Outcome.ROWS_REFUSED, 20)
    assert (result.refused.rows, result.refused.others_untried) == (2, True)
    assert pending(tickets) == 40


def test_a_server_that_is_gone_refuses_no_row(
    tickets: Any, rotation: RotationFactory, limit_connections: Callable[[int], None]
) -> None:
    """The row loses its connection once more, and then nobody gets another one."""
    leak(tickets, 60)
    limit_connections(5)
    poison(tickets, HANGS_UP)
    told: list[Event] = []

    def be_gone(event: Event) -> None:
        told.append(event)
        if isinstance(event, Remark) and "Looking for the rows" in event.text:
            limit_connections_to_none()

    def limit_connections_to_none() -> None:
        tickets.cursor().execute(
            f"ALTER ROLE limited_{tickets.info.backend_pid} CONNECTION LIMIT 0"
        )

    engine = rotation(be_gone, batch_rows=60, retry_seconds=0.3)
    with pytest.raises(DatabaseGoneError, match="too many connections"):
        engine.run()
    assert engine.result.refused.rows == 0


def test_a_row_that_was_locked_before_is_found_too(
    tickets: Any, other: Any, rotation: RotationFactory
) -> None:
    """Alone, it is waited for; what it does then is not known yet."""
    leak(tickets, 60)
    poison(tickets, HANGS_UP)
    other.cursor().execute("SELECT FROM tickets_ticket WHERE id = 17 FOR UPDATE")

    def let_go(event: Event) -> None:
        if isinstance(event, Waiting):
            other.rollback()

    result = rotation(let_go, batch_rows=60, retry_seconds=0.3, wait_for_locks_seconds=60).run()
    assert (result.outcome, names(result)) == (Outcome.ROWS_REFUSED, ["id 17"])


@pytest.mark.parametrize("transient", [1, 15])
def test_a_run_over_refused_rows_ends_as_the_one_before(
    tickets: Any, rotation: RotationFactory, transient: int
) -> None:
    """Among others, rows whose error might pass are blamed; alone with each other, no less."""
    leak(tickets, 200)
    poison(
        tickets,
        "IF OLD.id <= 100 THEN RAISE 'never'; ELSE RAISE SQLSTATE '40001'; END IF",
        when=f"OLD.id BETWEEN 80 AND 100 OR OLD.id > 100 AND OLD.id <= 100 + 5 * {transient} "
        "AND OLD.id % 5 = 0",
    )
    first, second = (rotation(batch_rows=50, retry_seconds=0.3).run() for _ in range(2))
    assert (first.outcome, first.rotated_rows) == (Outcome.ROWS_REFUSED, 200 - 21 - transient)
    assert (second.outcome, second.rotated_rows) == (Outcome.ROWS_REFUSED, 0)
    assert first.refused == second.refused
    assert first.unfinished == second.unfinished

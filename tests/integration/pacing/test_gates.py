"""Gates ask a real server between batches, and pause or end a rotation."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.answering import answering
from tests.support.clock import Clock
from tests.support.driver import sql
from tests.support.leaked import assert_each_token_changed_once, leak, pending, value
from tests.support.rotations import RotationFactory
from token_rotation.engine.result import Outcome
from token_rotation.errors import AbortAskedError, NotReadyError
from token_rotation.events import BatchDone, Event, Waiting
from token_rotation.pacing.gates.questions import NO, YES, answer
from token_rotation.pacing.gates.server import WalRate
from token_rotation.postgres.connection import Connection
from token_rotation.selection.target import Target

FLAG = "--pause-while"
LITERAL = "not-for-messages"
HOLD = "CREATE TABLE hold AS SELECT true AS is_on"
HOLDS = f"SELECT is_on AND '{LITERAL}' LIKE 'not%' FROM hold"


@pytest.fixture
def connection(target: Target) -> Iterator[Connection]:
    connection = Connection(target.database)
    yield connection
    connection.close()


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("SELECT true", YES),
        ("SELECT false", NO),
        ("SELECT 'a' LIKE '%a%' -- {}", YES),
        ("SELECT 1 < 2;\n", YES),
        ("VALUES (false)", NO),
        ("SELECT pg_sleep(600) IS NULL", None),
    ],
)
def test_a_query_answers_with_yes_or_no_or_not_in_time(
    connection: Connection, query: str, found: float | None
) -> None:
    assert answer(connection, query, FLAG) == found
    assert answer(connection, "SELECT false", FLAG) == NO, "the connection serves on"


@pytest.mark.parametrize(
    ("query", "said"),
    [
        (f"SELECT '{LITERAL}' = nowhere", "fails"),
        (f"SELECT '{LITERAL}'::boolean", "fails"),
        (f"UPDATE tickets_ticket SET subject = '{LITERAL}' RETURNING true", "fails"),
        (f"SELECT setval('tickets_ticket_id_seq', 1) IS NULL OR '{LITERAL}' = ''", "fails"),
        ("SELECT NULL::boolean", "must answer with one boolean"),
        ("SELECT 1", "must answer with one boolean"),
        ("SELECT 't'", "must answer with one boolean"),
        ("SELECT true, false", "must answer with one boolean"),
        ("SELECT true WHERE false", "must answer with one boolean"),
        ("SELECT true FROM generate_series(1, 2)", "must answer with one boolean"),
        ("DO $$ BEGIN END $$", "fails"),
        ("", "fails"),
        (f"COMMIT; UPDATE tickets_ticket SET subject = '{LITERAL}'; SELECT true", "fails"),
        (f"SELECT true; COMMIT; UPDATE tickets_ticket SET subject = '{LITERAL}'", "fails"),
    ],
)
def test_a_query_that_is_no_question_is_refused_with_its_flag_and_without_its_text(
    tickets: Any, connection: Connection, query: str, said: str
) -> None:
    leak(tickets, 3)
    with pytest.raises(NotReadyError, match=f"The query of {FLAG} {said}") as refused:
        answer(connection, query, FLAG)
    assert LITERAL not in str(refused.value)
    assert f"leave out {FLAG}" in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1
    subjects = "SELECT count(*) FROM tickets_ticket WHERE subject = %s"
    assert value(tickets, subjects, LITERAL) == 0


def test_a_query_leaves_no_transaction_and_no_lock_behind(
    tickets: Any, connection: Connection
) -> None:
    answer(connection, "SELECT count(*) = 0 FROM tickets_ticket", FLAG)
    pid = connection.value(sql.SQL("SELECT pg_backend_pid()"))
    assert value(tickets, "SELECT count(*) FROM pg_locks WHERE pid = %s", pid) == 0


def test_a_rotation_waits_while_the_query_answers_true_and_then_goes_on(
    tickets: Any, rotation: RotationFactory
) -> None:
    leak(tickets, 500)
    tickets.cursor().execute(HOLD)
    heard: list[Event] = []

    def note(event: Event) -> None:
        if isinstance(event, Waiting):
            assert pending(tickets) == 500
            tickets.cursor().execute("UPDATE hold SET is_on = false")
        heard.append(event)

    assert rotation(note, pause_while=HOLDS).run().outcome is Outcome.COMPLETE
    assert heard[0] == Waiting("--pause-while answers true")
    assert sum(isinstance(event, Waiting) for event in heard) == 1
    assert_each_token_changed_once(tickets)


def test_a_rotation_waits_for_a_query_that_does_not_answer(
    tickets: Any, rotation: RotationFactory
) -> None:
    leak(tickets, 500)
    tickets.cursor().execute(HOLD)
    slow = "SELECT CASE WHEN is_on THEN pg_sleep(600) IS NULL ELSE false END FROM hold"
    heard: list[str] = []

    def note(event: Event) -> None:
        if isinstance(event, Waiting):
            heard.append(event.reason)
            tickets.cursor().execute("UPDATE hold SET is_on = false")

    assert rotation(note, abort_when=slow).run().outcome is Outcome.COMPLETE
    assert heard == ["--abort-when has not answered within 1 s"]
    assert_each_token_changed_once(tickets)


def test_a_rotation_ends_once_the_query_answers_true_and_keeps_its_rows(
    tickets: Any, rotation: RotationFactory
) -> None:
    """The gates are read once a second; so long the rate leaves rows for the next reading."""
    leak(tickets, 2000)
    some_done = f"SELECT count(*) > 0 AND '{LITERAL}' <> '' FROM token_change"
    heard: list[Event] = []
    engine = rotation(heard.append, abort_when=some_done, max_rows_per_second=200)
    with pytest.raises(AbortAskedError, match=r"^ended: the query of --abort-when answers true$"):
        engine.run()
    rotated_rows = sum(each.rotated_rows for each in heard if isinstance(each, BatchDone))
    assert 0 < rotated_rows < 2000
    assert pending(tickets) == 2000 - rotated_rows
    assert rotation().run().outcome is Outcome.COMPLETE
    assert_each_token_changed_once(tickets)


def test_a_rotation_waits_while_a_url_answers_anything_but_200(
    tickets: Any, rotation: RotationFactory
) -> None:
    leak(tickets, 500)
    heard: list[str] = []
    with answering() as server:
        server.status = 503

        def note(event: Event) -> None:
            if isinstance(event, Waiting):
                heard.append(event.reason)
                server.status = 200

        result = rotation(note, pause_while_url=server.url).run()
        assert result.outcome is Outcome.COMPLETE
        assert heard == [f"{server.host}: 503"]
    assert result.waited_seconds["URL"] > 0
    assert_each_token_changed_once(tickets)


def test_the_rate_of_wal_is_that_of_all_sessions(tickets: Any, connection: Connection) -> None:
    clock = Clock()
    rate = WalRate(clock)
    assert rate(connection) == 0.0
    write = "SELECT pg_logical_emit_message(false, 'test', repeat('x', 1000000))::text"
    for _ in range(8):
        value(tickets, write)
    clock.now += 2.0
    assert rate(connection) >= 4.0

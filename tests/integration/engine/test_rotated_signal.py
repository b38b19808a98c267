"""Whoever listens hears of every committed row, by its key alone, and can disturb nothing."""

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from django.db import connections

from tests.support.leaked import assert_each_token_changed_once, leak, pending, value
from tests.support.rotations import RotationFactory
from tests.support.sent_statements import note_sent_statements, sent_statements
from tests.support.waiting import until
from tickets.models import Ticket
from token_rotation.engine.result import Outcome
from token_rotation.events import Event, Waiting
from token_rotation.selection.target import Target
from token_rotation.signals import tokens_rotated
from token_rotation.tokens.random_uuids import random_uuids
from token_rotation.tokens.sources import PythonTokens

Heard = list[dict[str, Any]]


@pytest.fixture
def listen() -> Iterator[Callable[[Callable[..., Any]], None]]:
    """listen(receiver) connects it to the tickets' signal until the test ends."""
    connected: list[Callable[..., Any]] = []

    def connect(receiver: Callable[..., Any]) -> None:
        tokens_rotated.connect(receiver, sender=Ticket, weak=False)
        connected.append(receiver)

    yield connect
    for receiver in connected:
        tokens_rotated.disconnect(receiver, sender=Ticket)


@pytest.fixture
def heard(listen: Callable[[Callable[..., Any]], None]) -> Heard:
    heard: Heard = []

    def hear(**named: Any) -> None:
        heard.append(named)

    listen(hear)
    return heard


def keys_of(heard: Heard) -> list[Any]:
    return sorted(key for one in heard for key in one["keys"])


def with_tokens_from_python(target: Target) -> Target:
    return replace(target, token_source=PythonTokens(random_uuids))


@pytest.mark.parametrize("make_target", [lambda target: target, with_tokens_from_python])
@pytest.mark.parametrize("workers", [1, 3])
def test_every_key_is_heard_of_once_in_pieces_no_larger_than_a_batch(
    tickets: Any,
    rotation: RotationFactory,
    target: Target,
    heard: Heard,
    make_target: Callable[[Target], Target],
    workers: int,
) -> None:
    leak(tickets, 1000, first=-500, step=7)
    rotation(target=make_target(target), batch_rows=70, workers=workers).run()
    assert keys_of(heard) == [-500 + 7 * n for n in range(1000)]
    assert max(len(one["keys"]) for one in heard) <= 70
    assert {(one["target"], one["database"]) for one in heard} == {(target.label, target.database)}
    assert_each_token_changed_once(tickets)


def test_what_is_heard_holds_keys_and_names_and_nothing_else(
    tickets: Any, rotation: RotationFactory, heard: Heard
) -> None:
    leak(tickets, 3)
    rotation().run()
    assert [set(one) for one in heard] == [
        {"signal", "sender", "target", "database", "keys", "rows"}
    ]
    assert (heard[0]["keys"], heard[0]["rows"]) == ((1, 2, 3), 3)


def test_what_is_heard_of_is_committed_and_no_transaction_is_open(
    tickets: Any, rotation: RotationFactory, listen: Callable[[Callable[..., Any]], None]
) -> None:
    leak(tickets, 100)
    still_pending, open_transactions = [], []

    def look(keys: tuple[int, ...], **_: Any) -> None:
        still_pending.append(
            value(
                tickets,
                "SELECT count(*) FROM tickets_ticket WHERE id = ANY(%s) "
                "AND token_rotated_at IS NULL",
                list(keys),
            )
        )
        open_transactions.append(
            value(
                tickets,
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                "AND application_name = 'rotate_tokens' AND xact_start IS NOT NULL",
            )
        )

    listen(look)
    rotation(batch_rows=50, vacuum_every_percent=0).run()
    assert (still_pending, open_transactions) == ([0, 0], [0, 0])


def test_locked_rows_and_a_colliding_token_make_nobody_miss_a_key_or_hear_it_twice(
    tickets: Any, other: Any, rotation: RotationFactory, target: Target, heard: Heard
) -> None:
    leak(tickets, 64)
    rotation(limit_rows=1).run()
    taken = value(tickets, "SELECT token::text FROM tickets_ticket WHERE id = 1")
    other.cursor().execute("SELECT FROM tickets_ticket WHERE id = 40 FOR UPDATE")
    calls: list[int] = []

    def collide_three_times(rows: int) -> list[str]:
        calls.append(rows)
        tokens = random_uuids(rows)
        return [*tokens[1:], taken] if len(calls) <= 3 else tokens

    source = replace(target, token_source=PythonTokens(collide_three_times))
    locked = rotation(target=source, wait_for_locks_seconds=0).run()
    other.rollback()
    rotation().run()
    assert locked.outcome is Outcome.ROWS_LOCKED
    assert keys_of(heard) == list(range(1, 65))


def test_a_row_that_was_waited_for_is_heard_of_once(
    tickets: Any, other: Any, rotation: RotationFactory, heard: Heard
) -> None:
    leak(tickets, 10)
    other.cursor().execute("SELECT FROM tickets_ticket WHERE id = 4 FOR UPDATE")

    def end_the_transaction_when_it_is_waited_for(event: Event) -> None:
        if isinstance(event, Waiting):
            other.commit()

    rotation(end_the_transaction_when_it_is_waited_for).run()
    assert keys_of(heard) == list(range(1, 11))


def test_parts_of_a_batch_that_committed_before_a_row_was_refused_are_heard_of(
    tickets: Any, rotation: RotationFactory, target: Target, heard: Heard
) -> None:
    leak(tickets, 10)
    rotation(limit_rows=1).run()
    taken = value(tickets, "SELECT token::text FROM tickets_ticket WHERE id = 1")
    tickets.cursor().execute(
        f"""
        CREATE FUNCTION collide() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN NEW.token := '{taken}'; RETURN NEW; END $$;
        CREATE TRIGGER collide BEFORE UPDATE ON tickets_ticket FOR EACH ROW
        WHEN (OLD.id = 10) EXECUTE FUNCTION collide();
        """
    )
    assert rotation().run().outcome is Outcome.ROWS_REFUSED
    assert keys_of(heard) == list(range(1, 10))
    assert pending(tickets) == 1


def test_a_failing_receiver_stops_neither_the_rotation_nor_the_others_and_its_words_are_not_logged(
    tickets: Any,
    rotation: RotationFactory,
    heard: Heard,
    listen: Callable[[Callable[..., Any]], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    leak(tickets, 10)

    def quote_a_token(keys: tuple[int, ...], **_: Any) -> None:
        query = "SELECT token::text FROM tickets_ticket WHERE id = %s"
        raise RuntimeError(f"no mail about {value(tickets, query, keys[0])}")

    listen(quote_a_token)
    with caplog.at_level(logging.DEBUG):
        result = rotation(batch_rows=5).run()
    assert (result.outcome, len(keys_of(heard))) == (Outcome.COMPLETE, 10)
    logged = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(logged) == 2
    assert "quote_a_token failed with RuntimeError" in logged[0].getMessage()
    assert "no mail" not in caplog.text
    assert not any(record.exc_info for record in logged)


def test_a_receiver_whose_connection_was_ended_has_another_one_at_the_next_batch(
    tickets: Any,
    rotation: RotationFactory,
    target: Target,
    listen: Callable[[Callable[..., Any]], None],
) -> None:
    leak(tickets, 30)
    seen: list[int] = []

    def read(**_: Any) -> None:
        with connections[target.database].cursor() as cursor:
            if not seen:
                seen.append(0)
                cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
            cursor.execute("SELECT count(*) FROM tickets_ticket")
            seen.append(cursor.fetchone()[0])

    listen(read)
    rotation(batch_rows=10).run()
    assert seen == [0, 30, 30]


def test_workers_call_receivers_in_their_own_threads_and_leave_no_connection_behind(
    tickets: Any,
    rotation: RotationFactory,
    target: Target,
    listen: Callable[[Callable[..., Any]], None],
) -> None:
    leak(tickets, 400)
    threads = set()

    def read(**_: Any) -> None:
        threads.add(threading.current_thread())
        connections[target.database].ensure_connection()

    listen(read)
    rotation(workers=2, batch_rows=20).run()
    assert threading.main_thread() not in threads
    sessions = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
        "AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
    )
    # A server process ends a moment after its connection is closed.
    until(lambda: value(tickets, sessions) == 0, timeout_seconds=20)


def test_without_a_listener_no_statement_returns_keys(
    tickets: Any, rotation: RotationFactory, target: Target
) -> None:
    leak(tickets, 10)
    note_sent_statements(tickets)
    rotation(limit_rows=3).run()
    rotation(target=with_tokens_from_python(target), limit_rows=3).run()
    rotation().run()
    sent = sent_statements(tickets)
    assert "UPDATE" in sent
    assert "RETURNING" not in sent

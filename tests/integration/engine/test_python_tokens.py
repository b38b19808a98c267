"""A rotation whose tokens are made in Python keeps every promise of one whose tokens are SQL."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.support.driver import sql
from tests.support.leaked import assert_each_token_changed_once, leak, pending, value
from tests.support.rotations import RotationFactory
from tests.support.sent_statements import note_sent_statements, sent_statements
from token_rotation.engine.result import Outcome
from token_rotation.errors import RotationError, TokenSourceError
from token_rotation.events import BatchDone, Event, Waiting
from token_rotation.postgres import statements
from token_rotation.selection.key_range import KeyRange
from token_rotation.selection.target import Target
from token_rotation.sql import batch as batch_sql
from token_rotation.sql import tokens as tokens_sql
from token_rotation.tokens.random_uuids import random_uuids
from token_rotation.tokens.sources import PythonTokens

ASK_AGAIN = "UPDATE tickets_ticket SET token_rotated_at = NULL WHERE id BETWEEN 2 AND 5"
TOKEN_OF_THE_FIRST = "SELECT token::text FROM tickets_ticket ORDER BY id LIMIT 1"
VERSIONS = "SELECT array_agg(xmin::text ORDER BY id) FROM tickets_ticket"


class Maker:
    """Makes UUIDs, remembers how many it was asked for each time, and meanwhile does ``also``."""

    def __init__(self, also: Callable[[], object] = lambda: None) -> None:
        self.asked: list[int] = []
        self.made: set[str] = set()
        self._also = also

    def __call__(self, rows: int) -> Sequence[str]:
        self.asked.append(rows)
        self._also()
        tokens = [str(uuid4()) for _ in range(rows)]
        self.made.update(tokens)
        return tokens


def made_by(target: Target, make: Callable[[int], Any]) -> Target:
    return replace(target, token_source=PythonTokens(make))


def test_every_pending_token_is_rotated_exactly_once_to_one_that_was_made(
    tickets: Any, rotation: RotationFactory, target: Target
) -> None:
    leak(tickets, 1000, first=-500, step=7)
    maker = Maker()
    result = rotation(target=made_by(target, maker), batch_rows=70).run()
    assert (result.outcome, result.rotated_rows) == (Outcome.COMPLETE, 1000)
    assert_each_token_changed_once(tickets)
    assert sum(maker.asked) == 1000
    assert max(maker.asked) == 70
    stored = value(tickets, "SELECT array_agg(token::text) FROM tickets_ticket")
    assert set(stored) == maker.made


def test_a_run_with_nothing_pending_writes_nothing_and_asks_for_no_token(
    tickets: Any, rotation: RotationFactory, target: Target
) -> None:
    leak(tickets, 10)
    rotation().run()
    before, maker = value(tickets, VERSIONS), Maker()
    assert rotation(target=made_by(target, maker)).run().rotated_rows == 0
    assert (value(tickets, VERSIONS), maker.asked) == (before, [])


def test_workers_beside_traffic_rotate_each_row_once_and_lose_no_write(
    tickets: Any,
    database_url: str,
    connect: Callable[[str], Any],
    rotation: RotationFactory,
    target: Target,
) -> None:
    leak(tickets, 3000)
    traffic, ended, written = connect(database_url), threading.Event(), [0]
    write = "UPDATE tickets_ticket SET status = status || 'x' WHERE id = %s"
    length = "SELECT sum(length(status)) FROM tickets_ticket"
    tickets.cursor().execute("ALTER TABLE tickets_ticket ALTER status TYPE text")
    before = value(tickets, length)

    def work() -> None:
        with traffic.cursor() as cursor:
            while not ended.is_set():
                cursor.execute(write, [written[0] * 7 % 3000 + 1])
                written[0] += 1

    writer = threading.Thread(target=work)
    writer.start()
    try:
        make = made_by(target, random_uuids)
        result = rotation(target=make, workers=2, batch_rows=100).run()
    finally:
        ended.set()
        writer.join()
    assert (result.outcome, result.rotated_rows) == (Outcome.COMPLETE, 3000)
    assert value(tickets, length) == before + written[0]
    assert_each_token_changed_once(tickets)


def test_locked_rows_are_skipped_and_rotated_once_they_are_free(
    tickets: Any, other: Any, rotation: RotationFactory, target: Target
) -> None:
    leak(tickets, 100)
    other.cursor().execute("UPDATE tickets_ticket SET subject = 'kept' WHERE id IN (3, 77)")
    skipped = []

    def end_the_transaction_when_it_is_waited_for(event: Event) -> None:
        if isinstance(event, BatchDone):
            skipped.append(event.skipped_rows)
        if isinstance(event, Waiting):
            other.commit()

    result = rotation(
        end_the_transaction_when_it_is_waited_for, target=made_by(target, Maker()), batch_rows=50
    ).run()
    assert (result.outcome, result.rotated_rows) == (Outcome.COMPLETE, 100)
    assert skipped[:2] == [1, 1]
    assert value(tickets, "SELECT count(*) FROM tickets_ticket WHERE subject = 'kept'") == 2
    assert_each_token_changed_once(tickets)


def test_no_row_is_locked_and_no_transaction_open_while_tokens_are_made(
    tickets: Any, other: Any, rotation: RotationFactory, target: Target
) -> None:
    leak(tickets, 100)
    in_transaction = []

    def look() -> None:
        with other.cursor() as cursor:
            cursor.execute("SELECT FROM tickets_ticket FOR UPDATE NOWAIT")
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                "AND application_name = 'rotate_tokens' AND xact_start IS NOT NULL"
            )
            in_transaction.append(cursor.fetchone()[0])
        other.rollback()

    # No VACUUM beside it, which looks at the table in a session of its own.
    rotation(target=made_by(target, Maker(look)), batch_rows=50, vacuum_every_percent=0).run()
    assert in_transaction == [0, 0]
    assert_each_token_changed_once(tickets)


def test_a_taken_token_isolates_its_row_which_gets_another(
    tickets: Any, rotation: RotationFactory, target: Target
) -> None:
    leak(tickets, 64)
    rotation(limit_rows=1).run()
    taken = value(tickets, TOKEN_OF_THE_FIRST)
    calls: list[int] = []

    def collide_seven_times(rows: int) -> list[str]:
        calls.append(rows)
        tokens = random_uuids(rows)
        return [*tokens[1:], taken] if len(calls) <= 7 else tokens

    result = rotation(target=made_by(target, collide_seven_times), batch_rows=64).run()
    assert (result.outcome, result.rotated_rows) == (Outcome.COMPLETE, 63)
    assert calls[:9] == [63, 31, 15, 7, 3, 1, 1, 1, 2]
    assert_each_token_changed_once(tickets)


def test_tokens_that_are_always_taken_end_the_run_without_naming_one(
    tickets: Any, rotation: RotationFactory, target: Target
) -> None:
    leak(tickets, 10)
    rotation(limit_rows=1).run()
    secret = value(tickets, TOKEN_OF_THE_FIRST)
    colliding = made_by(target, lambda rows: [*random_uuids(rows - 1), secret])
    result = rotation(target=colliding).run()
    assert (result.outcome, result.refused.rows) == (Outcome.ROWS_REFUSED, 9)
    assert "23505" in result.refused.as_sentence()
    assert secret[:8] not in str(result)
    assert pending(tickets) == 9


@pytest.mark.parametrize("collisions", [0, 3])
def test_the_limit_holds_although_rows_become_pending_while_tokens_are_made(
    tickets: Any, rotation: RotationFactory, target: Target, collisions: int
) -> None:
    leak(tickets, 100)
    rotation(limit_rows=40).run()
    taken = value(tickets, TOKEN_OF_THE_FIRST)
    calls = []

    def make(rows: int) -> list[str]:
        calls.append(rows)
        tickets.cursor().execute(ASK_AGAIN)
        tokens = random_uuids(rows)
        return [*tokens[1:], taken] if len(calls) <= collisions else tokens

    result = rotation(target=made_by(target, make), batch_rows=30, limit_rows=50).run()
    assert (result.outcome, result.rotated_rows) == (Outcome.LIMIT_REACHED, 50)


def test_rows_asked_for_again_while_tokens_are_made_are_rotated_in_the_same_run(
    tickets: Any, rotation: RotationFactory, target: Target
) -> None:
    leak(tickets, 100)
    asked = []

    def ask_again_once() -> None:
        if value(tickets, "SELECT token_rotated_at FROM tickets_ticket WHERE id = 2") and not asked:
            asked.append(tickets.cursor().execute(ASK_AGAIN))

    result = rotation(target=made_by(target, Maker(ask_again_once)), batch_rows=30).run()
    assert (result.outcome, result.rotated_rows) == (Outcome.COMPLETE, 104)
    assert pending(tickets) == 0


def raising(rows: int) -> list[str]:
    raise RuntimeError(f"no key to sign {random_uuids(1)}")


@pytest.mark.parametrize(
    "make",
    [
        lambda rows: random_uuids(rows - 1),
        lambda rows: random_uuids(1) * rows,
        lambda _: None,
        lambda rows: [None] * rows,
        raising,
    ],
    ids=["too few", "the same", "none", "None", "raises"],
)
def test_a_source_that_fails_ends_the_run_with_one_line_and_writes_nothing(
    tickets: Any, rotation: RotationFactory, target: Target, make: Callable[[int], Any]
) -> None:
    leak(tickets, 20)
    before = value(tickets, VERSIONS)
    with pytest.raises(RotationError, match="The token source") as raised:
        rotation(target=made_by(target, make)).run()
    assert value(tickets, VERSIONS) == before
    assert "\n" not in str(raised.value)


def test_tokens_of_another_type_are_refused_for_every_row_and_not_quoted(
    tickets: Any, rotation: RotationFactory, target: Target
) -> None:
    leak(tickets, 20)
    before = value(tickets, VERSIONS)
    wrong = made_by(target, lambda rows: ["not-a-uuid", *random_uuids(rows - 1)])
    result = rotation(target=wrong).run()
    assert value(tickets, VERSIONS) == before
    assert (result.outcome, result.refused.rows) == (Outcome.ROWS_REFUSED, 20)
    assert "22P02" in result.refused.as_sentence()
    assert "not-a-uuid" not in str(result)


def test_what_was_rotated_before_a_source_fails_stays_and_the_next_run_goes_on(
    tickets: Any, rotation: RotationFactory, target: Target
) -> None:
    leak(tickets, 100)
    calls = []

    def fail_at_the_third(rows: int) -> list[str]:
        calls.append(rows)
        return random_uuids(rows if len(calls) < 3 else 0)

    with pytest.raises(TokenSourceError, match="asked for 20 tokens and made only 0"):
        rotation(target=made_by(target, fail_at_the_third), batch_rows=20).run()
    assert pending(tickets) == 60
    rotation(target=made_by(target, random_uuids)).run()
    assert_each_token_changed_once(tickets)


def test_no_token_stands_in_the_text_of_a_statement_that_may_fail(
    tickets: Any, rotation: RotationFactory, target: Target
) -> None:
    leak(tickets, 10)
    note_sent_statements(tickets)
    maker = Maker()
    rotation(target=made_by(target, maker)).run()
    sent = sent_statements(tickets)
    assert "UPDATE" in sent
    assert not any(token in sent for token in maker.made)


def make_orders(tickets: Any, key_type: str, token_type: str) -> None:
    keys = {"integer": "n", "uuid": "gen_random_uuid()", "text": """'it''s "' || n || ', \\'"""}
    with tickets.cursor() as cursor:
        cursor.execute(
            f"""
            CREATE TABLE "order""s" (
                "key" {key_type} PRIMARY KEY, "token" {token_type} UNIQUE, "place" timestamptz
            );
            INSERT INTO "order""s" SELECT {keys[key_type]}, NULL FROM generate_series(1, 50) AS n;
            CREATE INDEX ON "order""s" ("key") WHERE "place" IS NULL;
            """
        )


def orders_of(target: Target, make: Callable[[int], Any]) -> Target:
    """Named so that a careless statement would take one column for another."""
    return replace(
        made_by(target, make),
        table='order"s',
        key_column="key",
        token_column="token",
        marker_column="place",
    )


@pytest.mark.parametrize("key_type", ["integer", "uuid", "text"])
@pytest.mark.parametrize("token_type", ["uuid", "text", "varchar(60)", "char(60)", "bytea"])
def test_keys_and_tokens_may_be_of_many_types(
    tickets: Any, rotation: RotationFactory, target: Target, key_type: str, token_type: str
) -> None:
    make_orders(tickets, key_type, token_type)
    made: set[str] = set()

    def make(rows: int) -> list[Any]:
        tokens: list[Any] = random_uuids(rows)
        if token_type == "bytea":
            tokens = [token.encode() for token in tokens]
        elif token_type != "uuid":
            tokens = [f"{token} \"\\' {{,}} ü NULL" for token in tokens]
        made.update(map(str, tokens))
        return tokens

    result = rotation(target=orders_of(target, make), batch_rows=20).run()
    assert (result.outcome, result.rotated_rows) == (Outcome.COMPLETE, 50)
    with tickets.cursor() as cursor:
        cursor.execute('SELECT "token" FROM "order""s"')
        stored = [token for (token,) in cursor.fetchall()]
    shown = {"bytea": lambda token: str(bytes(token)), "uuid": lambda token: UUID(str(token)).hex}
    assert set(map(shown.get(token_type, str.rstrip), stored)) == made


def test_a_token_too_long_for_its_column_is_refused_and_not_cut(
    tickets: Any, rotation: RotationFactory, target: Target
) -> None:
    make_orders(tickets, "integer", "varchar(8)")
    result = rotation(target=orders_of(target, random_uuids)).run()
    assert (result.outcome, result.rotated_rows) == (Outcome.ROWS_REFUSED, 0)
    assert "22001" in result.refused.as_sentence()
    assert value(tickets, 'SELECT count("token") FROM "order""s"') == 0


@pytest.mark.server_versions
def test_a_batch_is_planned_well_however_wrong_the_statistics_are(
    tickets: Any, rotation: RotationFactory, target: Target
) -> None:
    """No row pending when they were taken: a nested loop would compare all rows with all tokens."""
    leak(tickets, 500)
    rotation().run()
    tickets.cursor().execute("ANALYZE tickets_ticket")
    tickets.cursor().execute("UPDATE tickets_ticket SET token_rotated_at = NULL")

    source = made_by(target, random_uuids)

    with tickets.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute(
            statements.together(statements.READ_IN_KEY_ORDER, statements.AVOID_NESTED_LOOPS)
        )
        cursor.execute(tokens_sql.KEEP_TOKENS, {"tokens": "{}"})
        query = batch_sql.update_free_rows_with_tokens(source, KeyRange(0, 500), "uuid")
        cursor.execute(sql.SQL("EXPLAIN ") + query, {"after": 0, "upper": 500, "batch_rows": 500})
        plans = [line for (line,) in cursor.fetchall()]
        cursor.execute("ROLLBACK")
    plan = "\n".join(plans)
    assert "Nested Loop" not in plan
    assert "Seq Scan" not in plan
    assert plan.count("Index Cond") == 2

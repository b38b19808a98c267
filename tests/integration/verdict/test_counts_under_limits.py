"""Counts keep to the time that they were given, and to no other limit of the role."""

import io
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from uuid import uuid4

import pytest

from tests.support.marked_rows import CUT_OFF, ask, store
from tests.support.policies import reading_under_policies
from token_rotation.errors import NotReadyError, StatementError
from token_rotation.inspection.counting import (
    PendingCount,
    count_pending,
    estimate_rows,
    estimated_rows,
    pending_rows_of,
)
from token_rotation.postgres.reading import reading
from token_rotation.selection.key_range import EVERY_KEY, KeyRange
from token_rotation.selection.leak_list import LeakList
from token_rotation.selection.selection import Condition, Selection
from token_rotation.selection.target import Target
from token_rotation.targets.resolve import list_kinds
from token_rotation.verification.token_column import column_of
from token_rotation.verification.valid_tokens import verify
from token_rotation.verification.verified import Verified, verified_as_sentences

OPEN = Condition('"tickets_ticket"."status" = %s', ("open",))


@pytest.fixture
def rows(tickets: Any) -> Any:
    store(tickets)
    return tickets


def limit(connection: Any, **settings: str) -> None:
    """Settings that every new session of the database has."""
    for name, value in settings.items():
        ask(connection, f"ALTER DATABASE \"{connection.info.dbname}\" SET {name} = '{value}'")


@pytest.fixture
def slow(rows: Any, limit_connections: Callable[[int], None]) -> Any:
    """A look at the last row takes longer than a statement of the role may take."""
    ask(rows, "CREATE TABLE token_change ()")
    limit_connections(10)  # row security holds for no superuser
    ask(
        rows,
        "ALTER TABLE tickets_ticket ENABLE ROW LEVEL SECURITY;"
        "CREATE POLICY slow ON tickets_ticket USING (id <> 12 OR pg_sleep(1.2) IS NOT NULL)",
    )
    limit(rows, statement_timeout="1s")
    return rows


def test_a_count_without_a_bound_may_take_longer_than_the_role_s_limit(
    slow: Any, target: Target
) -> None:
    old = replace(target, selection=Selection(issued_before=CUT_OFF))
    with reading_under_policies(target.database) as connection:
        assert pending_rows_of(connection, target, EVERY_KEY) == 5
        assert pending_rows_of(connection, target, KeyRange(3, 9)) == 2
        exact = PendingCount(5, is_estimate=False)
        assert count_pending(connection, target, at_most_seconds=None) == exact
        assert count_pending(connection, target, at_most_seconds=30) == exact
        exact = PendingCount(7, is_estimate=False)
        assert count_pending(connection, old, at_most_seconds=None) == exact


@pytest.mark.parametrize("seconds", [0.0, 0.0005, 0.03])
def test_a_count_that_takes_longer_than_it_may_is_an_estimate_of_at_least_one(
    slow: Any, target: Target, seconds: float
) -> None:
    with reading_under_policies(target.database) as connection:
        assert count_pending(connection, target, at_most_seconds=seconds) == PendingCount(
            1, is_estimate=True
        )
        counts = estimate_rows(connection, target, at_most_seconds=seconds)
        assert (counts.total_rows, counts.total_is_estimate) == (1, True)
        assert counts.pending == PendingCount(1, is_estimate=True)
        assert (counts.first_rotated_at, counts.last_rotated_at) == (None, None)
        assert estimated_rows(connection, target) == 0
    ask(slow, "VACUUM ANALYZE tickets_ticket")
    with reading_under_policies(target.database) as connection:
        assert count_pending(connection, target, at_most_seconds=seconds).rows == 5
        counts = estimate_rows(connection, target, at_most_seconds=seconds)
        assert (counts.total_rows, counts.pending.rows) == (10, 5)
        assert estimated_rows(connection, target) == 10


def test_a_selection_that_takes_longer_than_it_may_is_estimated_by_the_planner(
    slow: Any, target: Target
) -> None:
    ask(slow, "VACUUM ANALYZE tickets_ticket")
    old = replace(target, selection=Selection(issued_before=CUT_OFF))
    none = replace(target, selection=Selection(issued_before=datetime(1999, 1, 1, tzinfo=UTC)))
    ask(slow, "UPDATE tickets_ticket SET token_rotated_at = now(), token = gen_random_uuid()")
    with reading_under_policies(target.database) as connection:
        found = count_pending(connection, old, at_most_seconds=0.03)
        assert found.is_estimate
        assert 1 < found.rows <= 10
        found = count_pending(connection, none, at_most_seconds=0.03)
    assert found.is_estimate
    assert found.rows >= 1


def test_a_statement_that_somebody_cancels_is_no_estimate(slow: Any, target: Target) -> None:
    ask(slow, "DROP POLICY slow ON tickets_ticket")
    ask(slow, "CREATE POLICY wrong ON tickets_ticket USING (1 / (id - id) = 1)")
    with (
        pytest.raises(StatementError, match="22012"),
        reading_under_policies(target.database) as connection,
    ):
        count_pending(connection, target, at_most_seconds=30)


def tokens_of(connection: Any) -> list[str]:
    return [str(token) for (token,) in ask(connection, "SELECT token::text FROM before")]


def listing(target: Target, lines: list[str], kind: str) -> LeakList:
    kinds = list_kinds(target, kind)
    return LeakList(io.BytesIO("\n".join(lines).encode()), "leaked.txt", kinds, kind)


@pytest.mark.parametrize("kind", ["tokens", "hashes"])
@pytest.mark.parametrize("lines_a_look", [1, 2, 3, 100])
def test_listed_tokens_are_verified_each_line_once_however_many_a_look(
    rows: Any, target: Target, monkeypatch: pytest.MonkeyPatch, kind: str, lines_a_look: int
) -> None:
    monkeypatch.setattr(f"{verify.__module__}.LINES_A_LOOK", lines_a_look)
    stored, column = tokens_of(rows)[:3], column_of(target)
    lines = [*stored, str(uuid4()), stored[0], str(uuid4())]
    if kind == "hashes":
        lines = [sha256(line.encode()).hexdigest() for line in lines]
    with reading(target.database) as connection:
        for some, expected in ((lines, Verified(6, 4)), (lines[3:4], Verified(1, 0))):
            assert verify(connection, column, listing(target, some, kind)) == expected


@pytest.mark.parametrize("kind", ["tokens", "hashes"])
def test_to_verify_may_take_longer_than_the_role_s_limit(
    rows: Any, target: Target, kind: str
) -> None:
    ask(
        rows,
        "CREATE FUNCTION slowly() RETURNS event_trigger LANGUAGE plpgsql AS"
        " $$ BEGIN PERFORM pg_sleep(1.2); END $$;"
        "CREATE EVENT TRIGGER slowly ON ddl_command_end EXECUTE FUNCTION slowly()",
    )
    limit(rows, statement_timeout="1s")
    line = tokens_of(rows)[0]
    line = sha256(line.encode()).hexdigest() if kind == "hashes" else line
    with reading(target.database) as connection:
        assert verify(connection, column_of(target), listing(target, [line], kind)) == Verified(
            1, 1
        )


def test_to_verify_does_not_wait_long_for_a_locked_table(
    rows: Any, other: Any, target: Target
) -> None:
    lines = [tokens_of(rows)[0]]
    limit(rows, lock_timeout="60s")
    ask(other, "LOCK TABLE tickets_ticket IN ACCESS EXCLUSIVE MODE")
    with pytest.raises(StatementError, match="55P03"), reading(target.database) as connection:
        verify(connection, column_of(target), listing(target, lines, "tokens"))
    other.rollback()


def test_a_column_that_is_not_there_is_named(rows: Any, target: Target) -> None:
    unknown = replace(column_of(target), column="secret")
    with (
        pytest.raises(NotReadyError, match=r"no column tickets_ticket\.secret yet"),
        reading(target.database) as connection,
    ):
        verify(connection, unknown, listing(target, tokens_of(rows), "tokens"))


@pytest.mark.parametrize(
    ("kind", "lines", "valid", "said"),
    [
        ("tokens", 1200, 0, "lists 1,200 tokens; none of them opens anything."),
        ("tokens", 1200, 1, "lists 1,200 tokens; 1 of them still opens something."),
        ("tokens", 1200, 2, "lists 1,200 tokens; 2 of them still open something."),
        ("tokens", 1, 0, "lists 1 token; none of them opens anything."),
        ("tokens", 1, 1, "lists 1 token; 1 of them still opens something."),
        ("hashes", 1200, 0, "lists 1,200 SHA-256 of tokens; none of them opens anything."),
    ],
)
def test_a_sentence_says_how_many_still_open_something(
    target: Target, kind: str, lines: int, valid: int, said: str
) -> None:
    listed = listing(target, [f"{uuid4()}" if kind == "tokens" else "0" * 64], kind)
    assert verified_as_sentences(column_of(target), listed, Verified(lines, valid)) == [
        f"tickets.Ticket: leaked.txt {said}"
    ]

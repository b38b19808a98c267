"""No statement compares every line of a list with every row, whatever the statistics say.

A planner that takes a table for empty would do so in a nested loop.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from tests.support.driver import sql
from tests.support.everywhere import listing, looked
from tests.support.leak_lists import list_of
from tests.support.leaked import leak
from tests.support.plan_tree import Plan, nodes, repeated_scans
from tests.support.planner_statistics import ROWS, STATISTICS
from token_rotation.intake.rows import ReportedRows
from token_rotation.postgres.connection import Connection
from token_rotation.postgres.reading import reading
from token_rotation.retired.kept import still_valid
from token_rotation.selection.target import Target
from token_rotation.sql import rows as rows_sql
from token_rotation.sql import tokens as tokens_sql
from token_rotation.sql.pending import array
from token_rotation.targets.lookup import ListedRows, count_listed
from token_rotation.targets.resolve import HASHES, KEYS, TOKENS
from token_rotation.triggers.retired_sql import TABLE
from token_rotation.verification import likely_list
from token_rotation.verification.derived_column import DerivedColumn
from token_rotation.verification.token_column import TokenColumn, column_of
from token_rotation.verification.valid_tokens import verify

pytestmark = [pytest.mark.server_versions, pytest.mark.plans]

HASHED = "sha256(convert_to({}::text, 'UTF8'))"


@pytest.fixture
def plans(monkeypatch: pytest.MonkeyPatch) -> list[Plan]:
    """The plan of each statement about a large table, before it is sent."""
    seen: list[Plan] = []
    rows = Connection.rows

    def explained(name: str) -> Callable[..., Any]:
        send = getattr(Connection, name)

        def explain_and_send(self: Connection, query: sql.Composable, *values: Any) -> Any:
            settings, mark, statement = query.as_string(self._open().raw).rpartition("; ")
            if "SELECT" in statement and ("tickets_ticket" in statement or TABLE in statement):
                explain = sql.SQL(f"{settings}{mark}EXPLAIN (FORMAT JSON, VERBOSE) {statement}")
                ((answer,),) = rows(self, explain, *values)
                seen.append(answer[0]["Plan"])
            return send(self, query, *values)

        return explain_and_send

    for name in ("rows", "row", "change"):
        monkeypatch.setattr(Connection, name, explained(name))
    return seen


@pytest.fixture(params=STATISTICS)
def leaked(request: pytest.FixtureRequest, tickets: Any, target: Target) -> Iterator[Any]:
    """Rows, and as many hashes of their tokens, under the statistics of the parameter."""
    leak(tickets, ROWS)
    tickets.cursor().execute(
        "ALTER TABLE tickets_ticket SET (autovacuum_enabled = false);"
        f"ALTER TABLE {TABLE} SET (autovacuum_enabled = false);"
        f"INSERT INTO {TABLE} (hash, source, retired_at) SELECT sha256(n::text::bytea), "
        f"'tickets_ticket.token', now() FROM generate_series(1, {ROWS}) AS n;"
        f"{STATISTICS[request.param]};"
        # As if it had been emptied and filled again.
        f"ANALYZE {TABLE}; UPDATE pg_class SET reltuples = 0 WHERE oid = '{TABLE}'::regclass"
    )
    return tickets


def stored(tickets: Any, expression: str) -> list[str]:
    with tickets.cursor() as cursor:
        cursor.execute(f"SELECT {expression} FROM tickets_ticket")
        return [str(each) for (each,) in cursor.fetchall()]


def assert_read_once(plans: list[Plan]) -> None:
    assert plans
    for plan in plans:
        assert repeated_scans(plan) == [], json.dumps(plan, indent=1)


@pytest.mark.parametrize("by_heap", [True, False])
@pytest.mark.parametrize("kind", [TOKENS, KEYS])
def test_a_list_is_looked_up_with_an_index_and_without(
    leaked: Any, target: Target, plans: list[Plan], kind: str, *, by_heap: bool
) -> None:
    target = replace(target, token_is_unique=False)
    leak_list = list_of(target, stored(leaked, {TOKENS: "token", KEYS: "id"}[kind]), kind)
    with reading(target.database) as connection:
        count = count_listed(connection, target, leak_list, at_most_seconds=None, by_heap=by_heap)
        assert count.meant_rows == ROWS
        found = ListedRows(connection, target, leak_list, by_heap=by_heap)
        assert len(found.find(list(leak_list.values()))) == ROWS
    assert_read_once(plans)


@pytest.mark.parametrize("is_unique", [True, False])
def test_reported_tokens_are_found_and_their_rows_rotated(
    leaked: Any, target: Target, plans: list[Plan], *, is_unique: bool
) -> None:
    target = replace(target, token_is_unique=is_unique)
    reported = stored(leaked, "token")[:1_000]
    connection = Connection(target.database)
    rows = ReportedRows(connection, target)
    assert len(rows.find(reported)) == 1_000
    assert rows.retired(reported) == set()
    assert len(rows.rotate(reported)) == 1_000
    assert rows.find(reported) == set()
    connection.close()
    assert_read_once(plans)


@pytest.fixture
def column(tickets: Any, target: Target) -> TokenColumn:
    """The token's column, with one that derives from it."""
    tickets.cursor().execute("ALTER TABLE tickets_ticket ADD COLUMN digest bytea")
    derived = DerivedColumn("digest", HASHED.format("{token}"))
    return replace(column_of(target), derived=(derived,))


@pytest.mark.parametrize("kind", [TOKENS, HASHES])
def test_a_verification_reads_the_table_once(
    column: TokenColumn, leaked: Any, target: Target, plans: list[Plan], kind: str
) -> None:
    expression = {TOKENS: "token", HASHES: f"encode({HASHED.format('token')}, 'hex')"}[kind]
    leak_list = list_of(target, stored(leaked, expression), kind)
    with reading(target.database) as connection:
        verified = verify(connection, column, leak_list)
    assert (verified.lines, verified.valid_lines) == (ROWS, ROWS)
    assert_read_once(plans)


@pytest.mark.parametrize("kind", [TOKENS, KEYS])
def test_ten_thousand_lines_are_as_many_look_ups_among_sixty_thousand_rows(
    tickets: Any, target: Target, plans: list[Plan], kind: str
) -> None:
    leak(tickets, 60_000)
    column = {TOKENS: "token", KEYS: "id"}[kind]
    leak_list = list_of(target, stored(tickets, column)[:10_000], kind)
    with reading(target.database) as connection:
        count = count_listed(connection, target, leak_list, at_most_seconds=None)
        found = ListedRows(connection, target, leak_list).find(list(leak_list.values()))
    assert (count.meant_rows, len(found)) == (10_000, 10_000)
    assert_read_once(plans)
    for plan in plans:
        (look,) = (node for node in nodes(plan) if node.get("Relation Name") == target.table)
        assert f"tickets_ticket.{column} = " in look["Index Cond"]


def test_a_search_of_the_database_looks_each_value_up(
    leaked: Any, target: Target, plans: list[Plan]
) -> None:
    found = looked(target, stored(leaked, "token"))
    assert found.copies[0].rows == ROWS
    assert_read_once(plans)


def test_retired_tokens_are_looked_up_once_each(
    leaked: Any, target: Target, plans: list[Plan]
) -> None:
    with reading(target.database) as connection:
        assert still_valid(connection, target) == 0
        leaked_list = listing(stored(leaked, "token"))
        assert not likely_list._is_any_retired(connection, leaked_list)
    assert_read_once(plans)


@pytest.mark.parametrize("made_in_python", [True, False])
def test_chosen_rows_are_looked_up_by_their_keys(
    leaked: Any, target: Target, *, made_in_python: bool
) -> None:
    update = (
        rows_sql.rotate_keys_with_tokens(target, "bigint", "uuid")
        if made_in_python
        else rows_sql.rotate_keys(target, "bigint", tokens_sql.made_by("gen_random_uuid()"))
    )
    with leaked.cursor() as cursor:
        cursor.execute("BEGIN")
        tokens = array([str(uuid4()) for _ in range(ROWS)])
        cursor.execute(tokens_sql.KEEP_TOKENS, {"tokens": tokens})
        explain = sql.SQL("EXPLAIN (FORMAT JSON) {}").format(update)
        cursor.execute(explain, {"keys": list(range(1, ROWS + 1))})
        ((answer,),) = cursor.fetchall()
        cursor.execute("ROLLBACK")
    assert repeated_scans(answer[0]["Plan"]) == [], json.dumps(answer, indent=1)

"""Columns of parents' and children's tables are compared with the token, too."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.support.leaked import leak
from token_rotation.inspection.preflight import GuardState, inspect
from token_rotation.postgres.reading import reading
from token_rotation.selection.related_table import Join, RelatedTable
from token_rotation.selection.target import Target

pytestmark = pytest.mark.server_versions

ROWS = 1_200
SHA256 = "encode(sha256(convert_to(token::text, 'UTF8')), 'hex')"
TABLES = """
CREATE TABLE child (ticket_ptr_id bigint PRIMARY KEY REFERENCES tickets_ticket, look text);
CREATE TABLE beside (number bigint PRIMARY KEY, look text);
CREATE TABLE grandchild (child_ptr_id bigint PRIMARY KEY REFERENCES child,
    beside_ptr_id bigint UNIQUE REFERENCES beside, look text);
INSERT INTO child SELECT id, md5(id::text) FROM tickets_ticket;
INSERT INTO beside SELECT id + 5000, md5(id::text) FROM tickets_ticket;
INSERT INTO grandchild SELECT id, id + 5000, md5(id::text) FROM tickets_ticket;
"""
TO_CHILD = Join("child", "ticket_ptr_id", "tickets_ticket", "id")
TO_GRANDCHILD = Join("grandchild", "child_ptr_id", "child", "ticket_ptr_id")
TO_BESIDE = Join("beside", "number", "grandchild", "beside_ptr_id")
RELATED = (
    RelatedTable("app.Child", (TO_CHILD,)),
    RelatedTable("app.Grandchild", (TO_CHILD, TO_GRANDCHILD)),
    RelatedTable("app.Beside", (TO_CHILD, TO_GRANDCHILD, TO_BESIDE)),
)
OF_TICKET = {"child": "ticket_ptr_id", "grandchild": "child_ptr_id", "beside": "number - 5000"}


@pytest.fixture
def execute(tickets: Any) -> Callable[[str], None]:
    """Execute SQL beside the guard; the tickets leaked, and are parts of objects."""
    leak(tickets, ROWS)

    def execute(statement: str) -> None:
        tickets.cursor().execute(
            "ALTER TABLE tickets_ticket DISABLE TRIGGER USER;"
            f"{statement};"
            "ALTER TABLE tickets_ticket ENABLE TRIGGER USER"
        )

    execute(TABLES)
    return execute


@pytest.fixture
def look(target: Target) -> Callable[..., GuardState]:
    def look(**declared: tuple[str, ...]) -> GuardState:
        related = tuple(replace(each, unrelated=declared.get(each.table, ())) for each in RELATED)
        with reading(target.database) as connection:
            return inspect(connection, replace(target, related=related))

    return look


def derive(table: str, made: str, ticket: int) -> str:
    key = OF_TICKET[table]
    row = f"t.id = {key} AND t.id = {ticket}"
    return f"UPDATE {table} SET look = {made} FROM tickets_ticket t WHERE {row}"


def test_what_does_not_derive_from_the_token_is_no_matter(
    execute: Callable[[str], None], look: Callable[..., GuardState]
) -> None:
    state = look()
    assert (state.problems, state.warnings) == ((), ())


@pytest.mark.parametrize("table", OF_TICKET)
@pytest.mark.parametrize("ticket", [1, 600, ROWS])
def test_one_row_refuses_by_the_columns_name(
    execute: Callable[[str], None], look: Callable[..., GuardState], table: str, ticket: int
) -> None:
    """Of the first rows, the last ones, and the pending one between."""
    execute("UPDATE tickets_ticket SET token_rotated_at = now() WHERE id <> 600")
    execute(derive(table, SHA256, ticket))
    (problem,) = look().problems
    assert problem.code == "token_rotation.E050"
    assert f"{table}.look holds the sha256 of the token" in problem.sentence
    assert "in 1 of " in problem.sentence
    (problem,) = look(**{table: ("look",)}).problems
    assert problem.code == "token_rotation.E050"


def test_what_is_declared_to_be_unrelated_is_a_warning_if_it_is_a_part(
    execute: Callable[[str], None], look: Callable[..., GuardState]
) -> None:
    execute(derive("child", "left(token::text, 8)", 1))
    assert [each.code for each in look().problems] == ["token_rotation.E050"]
    state = look(child=("look",))
    assert state.problems == ()
    assert [each.code for each in state.warnings] == ["token_rotation.W046"]


def test_a_table_that_cannot_be_compared_is_named(
    execute: Callable[[str], None],
    look: Callable[..., GuardState],
    limit_connections: Callable[[int], None],
) -> None:
    execute("DROP TABLE grandchild; DROP TABLE beside")
    limit_connections(5)
    (warning,) = (each for each in look().warnings if each.code == "token_rotation.W047")
    assert warning.sentence.startswith("child: look was not compared")
    assert "may not read" in warning.sentence


def test_rows_that_the_role_may_not_see_are_not_compared(
    execute: Callable[[str], None],
    look: Callable[..., GuardState],
    tickets: Any,
    limit_connections: Callable[[int], None],
) -> None:
    limit_connections(5)
    tickets.cursor().execute(
        "GRANT SELECT ON child, grandchild, beside TO PUBLIC;"
        "ALTER TABLE child ENABLE ROW LEVEL SECURITY"
    )
    named = [each.sentence.split(":")[0] for each in look().warnings if "W047" in each.code]
    assert named == ["child", "grandchild", "beside"]

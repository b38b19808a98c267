"""A marker that a transaction loaded is no proof that its next statement rotates."""

from typing import Any

import pytest

from tests.support.leaked import value
from token_rotation.selection.target import Target

pytestmark = pytest.mark.server_versions

STORED = "SELECT token, token_rotated_at FROM tickets_ticket WHERE id = 1"
ASK = "UPDATE tickets_ticket SET token_rotated_at = NULL WHERE id = 1"
ROTATE = (
    "UPDATE tickets_ticket SET token = gen_random_uuid(), token_rotated_at = clock_timestamp()"
    " WHERE id = 1"
)
WRITE = "UPDATE tickets_ticket SET token = %s, token_rotated_at = %s WHERE id = 1"
NEW = "1b4e28ba-2fa1-41d2-883f-0016d3cca427"
DATED = f"UPDATE tickets_ticket SET token = '{NEW}', token_rotated_at = {{}} WHERE id = 1"
COMMITTING = """
CREATE PROCEDURE rewrite_after_a_commit() LANGUAGE plpgsql AS $$
DECLARE loaded tickets_ticket;
BEGIN
    UPDATE tickets_ticket SET token = gen_random_uuid(), token_rotated_at = clock_timestamp()
    WHERE id = 1;
    SELECT * INTO loaded FROM tickets_ticket WHERE id = 1;
    UPDATE tickets_ticket SET token_rotated_at = NULL WHERE id = 1;
    UPDATE tickets_ticket SET token = gen_random_uuid(), token_rotated_at = clock_timestamp()
    WHERE id = 1;
    UPDATE tickets_ticket SET token_rotated_at = NULL WHERE id = 1;
    COMMIT;
    UPDATE tickets_ticket SET token = loaded.token, token_rotated_at = loaded.token_rotated_at
    WHERE id = 1;
END $$
"""


def insert(tickets: Any) -> None:
    with tickets.cursor() as cursor:
        cursor.execute(
            "INSERT INTO tickets_ticket (id, subject, status, created_at)"
            " VALUES (1, 'x', 'open', clock_timestamp())"
        )


def loaded(connection: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(STORED)
        return cursor.fetchone()


def test_a_transaction_that_began_before_the_leak_does_not_bring_the_token_back(
    tickets: Any, other: Any, target: Target
) -> None:
    with other.cursor() as cursor:
        cursor.execute("SELECT now()")
        insert(tickets)
        leaked = loaded(other)
        for statement in (ASK, ROTATE, ASK):
            tickets.cursor().execute(statement)
        cursor.execute(WRITE, leaked)
    other.commit()
    token, marker = loaded(tickets)
    assert token == leaked[0]  # as the guard's table says of a pending row
    assert marker is None, "the row is still to be rotated"


def test_a_procedure_that_commits_does_not_either(tickets: Any, target: Target) -> None:
    """Its statement is the CALL, which began before the marker that it loads."""
    tickets.cursor().execute(COMMITTING)
    insert(tickets)
    tickets.cursor().execute("CALL rewrite_after_a_commit()")
    assert loaded(tickets)[1] is None


@pytest.mark.parametrize("time", ["clock_timestamp()", "statement_timestamp()"])
def test_the_time_of_the_statement_dates_a_rotation_in_a_long_transaction(
    tickets: Any, other: Any, target: Target, time: str
) -> None:
    insert(tickets)
    with other.cursor() as cursor:
        cursor.execute("SELECT now()")
        cursor.execute(DATED.format(time))
    other.commit()
    token, marker = loaded(tickets)
    assert str(token) == NEW
    assert marker is not None


def test_the_time_of_the_transaction_does_not(tickets: Any, other: Any, target: Target) -> None:
    """A pending row stays so; one that is rotated keeps its token."""
    insert(tickets)
    before = loaded(tickets)
    for statement, expected in ((None, before), (ASK, None)):
        if statement:
            tickets.cursor().execute(statement)
        with other.cursor() as cursor:
            cursor.execute("SELECT now()")
            cursor.execute(DATED.format("now()"))
        other.commit()
        assert loaded(tickets)[1] == (expected and expected[1])
    assert str(value(tickets, "SELECT token FROM tickets_ticket")) == NEW

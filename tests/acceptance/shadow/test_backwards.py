"""Going back drops a column with rows to fill: no token is lost with it."""

from collections.abc import Callable
from typing import Any

from tests.support.leaked import leak, value
from tests.support.manage import Manage

UNFILLED = """
SET session_replication_role = replica;
INSERT INTO tickets_message (ticket_id, body, created_at, version)
SELECT id, 'text', now(), 1 FROM tickets_ticket;
"""


def test_going_back_drops_the_marker_of_a_column_with_rows_to_fill(
    manage: Manage, database_url: str, connect: Callable[[str], Any]
) -> None:
    connection = connect(database_url)
    leak(connection, 3)
    connection.cursor().execute(UNFILLED)
    pending = "SELECT count(*) FROM tickets_message WHERE search_filled_at IS NULL"
    assert value(connection, pending) == 3
    connection.close()

    gone = manage("migrate", "tickets", "0013", database_url=database_url)
    assert gone.returncode == 0, gone.stderr

    kept = manage("migrate", "tickets", "0001", database_url=database_url)
    assert kept.returncode == 1
    assert "3 rows still have a token that may be leaked" in kept.stderr

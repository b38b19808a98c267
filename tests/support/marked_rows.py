"""Few tickets with markers around a cut-off, for tests that name each row."""

from datetime import UTC, datetime, timedelta
from typing import Any

CUT_OFF = datetime(2024, 1, 1, tzinfo=UTC)
EARLIER, LATER = CUT_OFF - timedelta(days=9), CUT_OFF + timedelta(days=9)

# Stored in this order, so that what comes in key order was put into it.
PENDING = [9, 3, 12, 1, 6]
EARLY, AT, LATE = [4, 11], [5], [2, 8]
EVERY = sorted([*PENDING, *EARLY, *AT, *LATE])


def store(tickets: Any) -> None:
    """Add tickets with those keys past the guard: even ones open, odd ones closed.

    Their tokens are kept in the table "before".
    """
    marked = [(PENDING, None), (EARLY, EARLIER), (AT, CUT_OFF), (LATE, LATER)]
    with tickets.cursor() as cursor:
        cursor.execute("ALTER TABLE tickets_ticket DISABLE TRIGGER USER")
        for keys, marker in marked:
            for key in keys:
                cursor.execute(
                    "INSERT INTO tickets_ticket"
                    " (id, subject, status, created_at, token, token_rotated_at)"
                    " VALUES (%s, %s, %s, now(), gen_random_uuid(), %s)",
                    (key, f"s{key}", "open" if key % 2 == 0 else "closed", marker),
                )
        cursor.execute("ALTER TABLE tickets_ticket ENABLE TRIGGER USER")
        cursor.execute("CREATE TABLE before AS SELECT id, token FROM tickets_ticket")


def ask(connection: Any, statement: Any, **values: Any) -> list[Any]:
    """The rows of a query, or how many rows a statement changed."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values or None)
        return list(cursor.fetchall()) if cursor.description else [cursor.rowcount]


def keys_of(found: list[Any]) -> list[Any]:
    """The first value of each row."""
    return [row[0] for row in found]

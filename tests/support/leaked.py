"""Leaked tickets, and an audit of what happens to them."""

from typing import Any

# Autovacuum's snapshot of these tables would keep dead rows of the tickets alive.
COPY_OF_LEAKED = (
    "CREATE TABLE leaked WITH (autovacuum_enabled = false) AS SELECT id, token FROM tickets_ticket"
)

AUDIT = """
CREATE TABLE token_change (ticket_id bigint NOT NULL) WITH (autovacuum_enabled = false);
CREATE FUNCTION note_token_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO token_change VALUES (NEW.id);
    RETURN NULL;
END $$;
CREATE TRIGGER audit AFTER UPDATE ON tickets_ticket FOR EACH ROW
WHEN (OLD.token IS DISTINCT FROM NEW.token) EXECUTE FUNCTION note_token_change();
"""

CLEAR = """
TRUNCATE tickets_ticket, token_rotation_operation CASCADE;
DROP TABLE leaked, token_change;
DROP FUNCTION note_token_change CASCADE;
"""
"""For a database that another test leaks tickets in after this one."""


def leak(connection: Any, rows: int, *, step: int = 1, first: int = 1) -> None:
    """Add tickets with a NULL marker, with ids first, first + step, ..., past the insert guard.

    Then keep a copy of their tokens in the table "leaked", and count every change of a token from
    here on in "token_change", a row a change.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            BEGIN;
            ALTER TABLE tickets_ticket DISABLE TRIGGER USER;
            INSERT INTO tickets_ticket (id, subject, status, created_at, token, token_rotated_at)
            SELECT %s + n * %s, 'Ticket ' || n, 'open', now(), gen_random_uuid(), NULL
            FROM generate_series(0, %s - 1) AS n;
            ALTER TABLE tickets_ticket ENABLE TRIGGER USER;
            COMMIT;
            """,
            (first, step, rows),
        )
        cursor.execute("ANALYZE tickets_ticket")
        cursor.execute(COPY_OF_LEAKED)
        cursor.execute(AUDIT)


def value(connection: Any, query: str, *values: Any) -> Any:
    """The only value of a query."""
    with connection.cursor() as cursor:
        cursor.execute(query, values or None)
        return cursor.fetchone()[0]


def column(connection: Any, query: str) -> list[Any]:
    """The only column of a query."""
    with connection.cursor() as cursor:
        cursor.execute(query)
        return [each for (each,) in cursor.fetchall()]


def pending(connection: Any) -> int:
    rows: int = value(
        connection, "SELECT count(*) FROM tickets_ticket WHERE token_rotated_at IS NULL"
    )
    return rows


def assert_each_token_changed_once(connection: Any) -> None:
    """Nothing pending, no leaked token opens anything, tokens unique, no row rotated twice."""
    assert pending(connection) == 0
    still_valid = "SELECT count(*) FROM tickets_ticket JOIN leaked USING (token)"
    assert value(connection, still_valid) == 0
    doubled = "SELECT count(*) - count(DISTINCT token) FROM tickets_ticket"
    assert value(connection, doubled) == 0
    changes = "SELECT (SELECT count(*) FROM token_change), count(DISTINCT ticket_id) FROM {}"
    with connection.cursor() as cursor:
        cursor.execute(changes.format("token_change"))
        assert cursor.fetchone() == (value(connection, "SELECT count(*) FROM leaked"),) * 2

"""Hold the table as traffic does, and wait until somebody waits for it."""

from typing import Any

from tests.support.driver import sql

TABLE = "tickets_ticket"

# In one statement, since the pause must not be a guess about how fast this machine is: the server
# looks again until there is something to see.
LOOK_UNTIL_SOMEBODY_WAITS = """
    FOR look IN 1..6000 LOOP
        PERFORM pg_stat_clear_snapshot();
        EXIT WHEN EXISTS (
            SELECT FROM pg_stat_activity
            WHERE wait_event_type = 'Lock' AND datname = current_database() AND {condition}
        );
        PERFORM pg_sleep(0.01);
        IF look = 6000 THEN RAISE 'nobody waited within 60 s'; END IF;
    END LOOP;
"""
UNTIL_SOMEBODY_WAITS = f"DO $$ BEGIN {LOOK_UNTIL_SOMEBODY_WAITS} END $$"


def until_a_statement_waits(connection: Any, beginning: str) -> None:
    """Return when a session's statement that begins so waits for a lock."""
    condition = sql.SQL("ltrim(query, E' \\n') ILIKE {}").format(sql.Literal(f"{beginning}%"))
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL(UNTIL_SOMEBODY_WAITS).format(condition=condition))


def hold_table(connection: Any) -> None:
    """Hold the table as a writer in an open transaction does. Ends with a ROLLBACK."""
    with connection.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute(
            f"INSERT INTO {TABLE} (subject, status, created_at, token)"
            " VALUES ('uncommitted', 'open', now(), gen_random_uuid())"
        )


def let_go(connection: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ROLLBACK")


def named(holder: Any, table: str) -> str:
    """How a command names an idle session that keeps a table locked."""
    return (
        f"locked: {table} by pid {holder.info.backend_pid} "
        "(a repack, idle in transaction, transaction open for "
    )

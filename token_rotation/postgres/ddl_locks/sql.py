"""The SQL of short attempts at a lock, and of who is in the way."""

from collections.abc import Sequence

from psycopg2.sql import SQL, Composed, Identifier, Literal


def read_timeout(name: str) -> Composed:
    """One value: the timeout's present setting, NULL where this server has none of that name.

    Takes no lock.
    """
    return SQL("SELECT current_setting({name}, true)").format(name=Literal(name))


def set_timeout(name: str, value: str, *, local: bool) -> Composed:
    """Set a timeout, ``local`` to the transaction or for the session. Takes no lock.

    ``value`` has PostgreSQL's form: "100ms", "0" for never.
    """
    return SQL("SELECT set_config({name}, {value}, {local})").format(
        name=Literal(name), value=Literal(value), local=Literal(local)
    )


def forget_activity() -> Composed:
    """Let the next look at pg_stat_activity see the present: a transaction caches its first look.

    Takes no lock.
    """
    return SQL("SELECT pg_stat_clear_snapshot()").format()


def table_lock_holders(tables: Sequence[str]) -> Composed:
    """Rows (pid, state, seconds in transaction) of up to 5 others that hold a lock on the tables.

    Oldest first. A prepared transaction has no pid; states of other roles may be hidden (NULL).
    Takes no lock.
    """
    return SQL(
        "SELECT l.pid, a.state,"
        " extract(epoch FROM clock_timestamp() - a.xact_start)::float8 AS age_seconds"
        " FROM (SELECT DISTINCT pid FROM pg_locks WHERE locktype = 'relation' AND granted"
        "  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        "  AND relation IN (SELECT to_regclass(quote_ident(name)) FROM unnest({tables}) AS name)"
        "  AND pid IS DISTINCT FROM pg_backend_pid()) AS l"
        " LEFT JOIN pg_stat_activity a ON a.pid = l.pid"
        " ORDER BY age_seconds DESC NULLS LAST LIMIT 5"
    ).format(tables=Literal(list(tables)))


def blockers(pid: int) -> Composed:
    """Rows (pid, state, seconds in transaction) of the sessions that the backend ``pid`` waits for.

    Oldest first, up to 5. Takes no lock.
    """
    return SQL(
        "SELECT b.pid, a.state,"
        " extract(epoch FROM clock_timestamp() - a.xact_start)::float8 AS age_seconds"
        " FROM unnest(pg_blocking_pids({pid})) AS b (pid)"
        " LEFT JOIN pg_stat_activity a ON a.pid = b.pid"
        " ORDER BY age_seconds DESC NULLS LAST LIMIT 5"
    ).format(pid=Literal(pid))


def lock_tables(tables: Sequence[str], mode: str) -> Composed:
    """Lock all of them in ``mode``, such as SHARE ROW EXCLUSIVE, until the transaction ends."""
    return SQL("LOCK TABLE {tables} IN {mode} MODE").format(
        tables=SQL(", ").join(map(Identifier, tables)), mode=SQL(mode)
    )

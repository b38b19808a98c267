"""The SQL of lock attempts, and of blockers."""

from collections.abc import Sequence

from token_rotation.postgres.driver import SQL, Composed, Identifier, Literal


def read_timeout(name: str) -> Composed:
    """Return the present setting of a timeout, as one value.

    NULL where this server has none of that name. Takes no lock.
    """
    return SQL("SELECT current_setting({name}, true)").format(name=Literal(name))


def set_timeout(name: str, value: str, *, local: bool) -> Composed:
    """Set a timeout for the transaction or the session.

    ``local`` means for the transaction. Takes no lock.

    ``value`` has PostgreSQL's form: "100ms", "0" for never.
    """
    return SQL("SELECT set_config({name}, {value}, {local})").format(
        name=Literal(name), value=Literal(value), local=Literal(local)
    )


def forget_activity() -> Composed:
    """Clear the cached pg_stat_activity of this transaction.

    A transaction caches its first look. After this, the next look sees the present. Takes no lock.
    """
    return SQL("SELECT pg_stat_clear_snapshot()").format()


def table_lock_holders(tables: Sequence[str]) -> Composed:
    """Return up to 5 others that hold a table lock.

    Rows (pid, state, seconds in transaction) for any of the tables. Oldest first. A prepared
    transaction has no pid; states of other roles may be hidden (NULL). Takes no lock.
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
    """Return the sessions that backend ``pid`` waits for.

    Rows (pid, state, seconds in transaction). Oldest first, up to 5. Takes no lock.
    """
    return SQL(
        "SELECT b.pid, a.state,"
        " extract(epoch FROM clock_timestamp() - a.xact_start)::float8 AS age_seconds"
        " FROM unnest(pg_blocking_pids({pid})) AS b (pid)"
        " LEFT JOIN pg_stat_activity a ON a.pid = b.pid"
        " ORDER BY age_seconds DESC NULLS LAST LIMIT 5"
    ).format(pid=Literal(pid))


def lock_tables(tables: Sequence[str], mode: str) -> Composed:
    """Lock all tables in ``mode`` until the transaction ends.

    ``mode`` is a lock mode such as SHARE ROW EXCLUSIVE.
    """
    return SQL("LOCK TABLE {tables} IN {mode} MODE").format(
        tables=SQL(", ").join(map(Identifier, tables)), mode=SQL(mode)
    )

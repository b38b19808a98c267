"""A short transaction like an application's, to measure what it takes. Locks no row."""

from __future__ import annotations

from token_rotation.postgres.driver import sql

IS_OTHER = sql.SQL(
    "(state IS NULL OR state IN ('active', 'disabled')) AND pid <> pg_backend_pid() "
    "AND coalesce(backend_type, 'client backend') = 'client backend' AND usesysid IS NOT NULL "
    "AND datid = (SELECT oid FROM pg_database WHERE datname = current_database()) "
    "AND application_name <> ALL (%(own)s)"
)

SESSIONS = sql.SQL(
    "SELECT count(*) FILTER (WHERE is_other AND state = 'active') AS at_work, "
    "count(*) FILTER (WHERE is_other "
    "AND (wait_event_type IN ('Lock', 'LWLock', 'Buffer', 'BufferPin') "
    "OR upper(wait_event) IN ('WALWRITE', 'WALSYNC'))) AS waiting, "
    "count(*) FILTER (WHERE is_other AND state IS DISTINCT FROM 'active') AS hidden, "
    "max(query_id) FILTER (WHERE pid = pg_backend_pid()) AS own_number "
    "FROM (SELECT *, {is_other} AS is_other FROM pg_stat_get_activity(NULL)) AS session"
).format(is_other=IS_OTHER)
"""The function behind pg_stat_activity: to plan the view's joins takes longer than to read it."""


def probe(table: str, key_column: str) -> sql.Composable:
    """Look up the row of the lowest key and commit something, in one message.

    Answers with the server's clock in seconds; how many sessions of others are at work, how many of
    these wait for a lock, the WAL or a buffer, and of how many this role may not see it; and this
    statement's own number. Others are those whose application name is not among ``own``. What is
    committed is an empty logical message: its COMMIT flushes the WAL as any other, and leaves no
    dead row behind.
    """
    return sql.SQL(
        "SELECT extract(epoch FROM clock_timestamp())::float8, "
        "sessions.at_work, sessions.waiting, sessions.hidden, sessions.own_number, "
        "pg_logical_emit_message(true, 'token_rotation probe', ''), "
        "(SELECT true FROM {table} ORDER BY {key} LIMIT 1) FROM ({sessions}) AS sessions"
    ).format(table=sql.Identifier(table), key=sql.Identifier(key_column), sessions=SESSIONS)

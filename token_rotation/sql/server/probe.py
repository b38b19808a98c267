"""A short transaction like an application's, to measure what it takes. Locks no row."""

from __future__ import annotations

from token_rotation.postgres.driver import sql
from token_rotation.selection.target import Target

OTHERS = sql.SQL(
    "SELECT count(*) FILTER (WHERE state = 'active') AS at_work, "
    "count(*) FILTER (WHERE wait_event_type IN ('Lock', 'LWLock', 'Buffer', 'BufferPin') "
    "OR upper(wait_event) IN ('WALWRITE', 'WALSYNC')) AS waiting, "
    "count(*) FILTER (WHERE state IS DISTINCT FROM 'active') AS hidden FROM pg_stat_activity "
    "WHERE (state IS NULL OR state IN ('active', 'disabled')) AND pid <> pg_backend_pid() "
    "AND coalesce(backend_type, 'client backend') = 'client backend' AND usesysid IS NOT NULL "
    "AND datname = current_database() AND application_name <> ALL (%(own)s)"
)


def probe(target: Target) -> sql.Composable:
    """Look up a row by key and commit something, in one message.

    Answers with the server's clock in seconds; how many sessions of others are at work, how many of
    these wait for a lock, the WAL or a buffer, and of how many this role may not see it; and this
    statement's own number. Others are those whose application name is not among ``own``. What is
    committed is an empty logical message: its COMMIT flushes the WAL as any other, and leaves no
    dead row behind.
    """
    return sql.SQL(
        "SELECT extract(epoch FROM clock_timestamp())::float8, "
        "others.at_work, others.waiting, others.hidden, "
        "(SELECT query_id FROM pg_stat_get_activity(pg_backend_pid())), "
        "pg_logical_emit_message(true, 'token_rotation probe', ''), "
        "(SELECT true FROM {table} ORDER BY {key} LIMIT 1) FROM ({others}) AS others"
    ).format(
        table=sql.Identifier(target.table), key=sql.Identifier(target.key_column), others=OTHERS
    )

"""A short transaction like an application's, to measure what it takes. Locks no row."""

from __future__ import annotations

from token_rotation.postgres.driver import sql

SESSION_COLUMNS = sql.SQL(
    "pid = pg_backend_pid(), datid, usesysid, application_name, "
    "coalesce(backend_type, 'client backend'), state, wait_event_type, wait_event, query_id"
)


def probe(table: str, key_column: str) -> sql.Composable:
    """Look up the row of the lowest key and commit something, in one message.

    Answers with a row for each session that is at work or may be, this one among them: the server's
    clock in seconds, SESSION_COLUMNS, and what nobody needs. What is committed is an empty logical
    message: its COMMIT flushes the WAL as any other, and leaves no dead row behind.

    To plan more than this takes longer than to run it: the joins of pg_stat_activity, aggregates,
    and each condition that can as well be tried here.
    """
    return sql.SQL(
        "WITH probe AS MATERIALIZED (SELECT extract(epoch FROM clock_timestamp())::float8 AS at, "
        "pg_logical_emit_message(true, 'token_rotation probe', ''), "
        "(SELECT true FROM {table} ORDER BY {key} LIMIT 1)) "
        "SELECT probe.at, {columns}, probe.* FROM probe, pg_stat_get_activity(NULL) "
        "WHERE (state IN ('active', 'disabled')) IS NOT FALSE"
    ).format(table=sql.Identifier(table), key=sql.Identifier(key_column), columns=SESSION_COLUMNS)

"""What pg_stat_statements counts of the statements that run most often. Locks no row."""

from __future__ import annotations

from token_rotation.postgres.driver import sql

LONGEST_MS = 100
MOST_STATEMENTS = 200


def place_of_the_extension() -> sql.Composable:
    """The schema of pg_stat_statements; no row where this database is without it."""
    return sql.SQL(
        "SELECT nspname FROM pg_extension JOIN pg_namespace ON pg_namespace.oid = extnamespace "
        "WHERE extname = 'pg_stat_statements'"
    )


def statement_times(schema: str) -> sql.Composable:
    """Read the calls and the seconds in all of short statements of this database.

    They are the ones that were called most often, each by its number; their texts are not read.
    Statements without a row, such as COMMIT, are left out. The last value is true for those that a
    session with an application name among ``own`` has just run. A role sees the numbers of its own
    statements, with pg_read_all_stats those of all.
    """
    return sql.SQL(
        "SELECT queryid, sum(calls)::bigint, sum(total_exec_time)::float8 / 1000, "
        "queryid IN (SELECT query_id FROM pg_stat_activity WHERE application_name = ANY (%(own)s)) "
        "FROM {view}(false) WHERE queryid IS NOT NULL AND rows > 0 "
        "AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) "
        "GROUP BY queryid HAVING sum(total_exec_time) < {longest} * sum(calls) "
        "ORDER BY 2 DESC LIMIT {most}"
    ).format(
        view=sql.Identifier(schema, "pg_stat_statements"),
        longest=sql.Literal(LONGEST_MS),
        most=sql.Literal(MOST_STATEMENTS),
    )

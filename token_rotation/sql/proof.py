"""SQL that evidence rests on."""

from __future__ import annotations

from psycopg2 import sql

SERVER = sql.SQL(
    "SELECT current_user::text, current_database()::text, current_setting('server_version'), "
    "clock_timestamp()"
)
"""Role, database, version and clock. No lock."""

WAL_POSITION = sql.SQL("SELECT pg_current_wal_insert_lsn()::text")
"""Every commit that was seen before lies before it. No lock."""


def replicas() -> sql.SQL:
    """The connected standbys: name, state, place of replay, whether it is past ``wal_position``.

    All but the name are NULL where the role may not see them (pg_monitor may). No lock.
    """
    return sql.SQL(
        "SELECT application_name, state, replay_lsn::text, replay_lsn >= %(wal_position)s::pg_lsn "
        "FROM pg_stat_replication WHERE state IS DISTINCT FROM 'backup' "
        "ORDER BY application_name, pid"
    )

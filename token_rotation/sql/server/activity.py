"""SQL about blockers, workers and standbys on the server.

Also about who we are.

No statement takes a lock.
"""

from __future__ import annotations

from token_rotation.postgres.driver import sql

SERVER = sql.SQL(
    "SELECT current_user::text, current_database()::text, current_setting('server_version'), "
    "clock_timestamp()"
)
"""Role, database, version and clock."""

WAL_POSITION = sql.SQL(
    "SELECT (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() "
    "ELSE pg_current_wal_insert_lsn() END)::text"
)
"""The end of the WAL: every commit seen before lies before it."""


def blocking_backends() -> sql.SQL:
    """The backends that ``pid`` waits for.

    Pid, state, and age of the transaction in seconds.

    State and age are NULL for backends of other roles where this role may not see them. The query
    text is left out on purpose: it may hold a token.
    """
    return sql.SQL(
        "SELECT blocker, a.state, extract(epoch FROM clock_timestamp() - a.xact_start)::float8 "
        "FROM unnest(pg_blocking_pids(%(pid)s)) AS blocker "
        "LEFT JOIN pg_stat_activity a ON a.pid = blocker"
    )


def replica_lag() -> sql.SQL:
    """The connected standby that lags most.

    How many standbys are hidden from this role; if this one is behind without knowing its lag; its
    lag in seconds; its application name. No row without standbys. Takes ``left_out``, the
    application names of those that do not count. pg_stat_replication lets replay_lag grow while
    replay stands still, and sets it to NULL once the standby has caught up. On a standby, which a
    fail-over may lead to, the figures are those of the standbys that follow it.
    """
    return sql.SQL(
        "SELECT count(*) FILTER (WHERE state IS NULL) OVER () AS hidden, "
        "coalesce(behind AND replay_lag IS NULL AND state = 'catchup', false) AS is_unknown, "
        "coalesce(CASE WHEN behind THEN extract(epoch FROM replay_lag) END, 0)::float8 AS lag, "
        "application_name FROM (SELECT application_name, state, replay_lag, "
        "replay_lsn < CASE WHEN pg_is_in_recovery() "
        "THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END AS behind "
        "FROM pg_stat_replication WHERE state IS DISTINCT FROM 'backup' "
        "AND application_name <> ALL (%(left_out)s)) AS standby "
        "ORDER BY is_unknown DESC, lag DESC, application_name LIMIT 1"
    )


def active_queries() -> sql.SQL:
    """Count hidden and active client backends of other programs.

    Hidden ones are hidden from this role.

    Takes ``own``, the application name of rotations.
    """
    return sql.SQL(
        "SELECT count(*) FILTER (WHERE state IS NULL), count(*) FILTER (WHERE state = 'active') "
        "FROM pg_stat_activity "
        "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() "
        "AND application_name IS DISTINCT FROM %(own)s"
    )


def replicas() -> sql.SQL:
    """The connected standbys: name, state, replayed position, whether past ``wal_position``.

    All but the name are NULL where the role may not see them (pg_monitor may).
    """
    return sql.SQL(
        "SELECT application_name, state, replay_lsn::text, replay_lsn >= %(wal_position)s::pg_lsn "
        "FROM pg_stat_replication WHERE state IS DISTINCT FROM 'backup' "
        "ORDER BY application_name, pid"
    )

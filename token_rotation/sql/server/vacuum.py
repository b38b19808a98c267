"""VACUUM, and what forbids it or makes it useless.

Only ``vacuum`` takes a lock: SHARE UPDATE EXCLUSIVE.
"""

from __future__ import annotations

from token_rotation.postgres.driver import sql
from token_rotation.selection.marked_table import MarkedTable


def vacuum(target: MarkedTable, *, analyze: bool) -> sql.Composed:
    """Make the space of dead rows reusable.

    Cannot run in a transaction.

    SHARE UPDATE EXCLUSIVE: reads and writes go on. If another session has that lock, PostgreSQL
    warns and does nothing. No truncation, whose lock stops reads and writes; no parallel workers,
    whose cost limits add up.
    """
    return sql.SQL(
        "VACUUM (SKIP_LOCKED, TRUNCATE false, PARALLEL 0, ANALYZE {analyze}) {table}"
    ).format(analyze=sql.SQL("true" if analyze else "false"), table=sql.Identifier(target.table))


def may_vacuum() -> sql.SQL:
    """Test this role's right to vacuum the table and its partitions, if there are any.

    No lock.

    The owner of the table or the database may, and a superuser. From PostgreSQL 17 on, so may any
    role that is granted MAINTAIN. A partition that the role may not vacuum costs only a warning.
    """
    return sql.SQL(
        "SELECT bool_and(pg_has_role(c.relowner, 'USAGE') OR pg_has_role(d.datdba, 'USAGE') "
        "OR CASE WHEN current_setting('server_version_num')::int >= 170000 "
        "THEN has_table_privilege(c.oid, 'MAINTAIN') ELSE false END) "
        "FROM pg_class c, pg_database d WHERE d.datname = current_database() "
        "AND (c.oid = to_regclass(quote_ident(%(table)s)) OR c.oid IN ("
        "SELECT relid FROM pg_partition_tree(to_regclass(quote_ident(%(table)s)))))"
    )


def maintenance_lock_holder() -> sql.SQL:
    """The holder of the lock that VACUUM needs.

    Pid, and kind of backend (NULL if hidden). No lock.

    It reads pg_locks, because pg_stat_progress_vacuum hides autovacuum from ordinary roles.
    """
    return sql.SQL(
        "SELECT l.pid, a.backend_type FROM pg_locks l LEFT JOIN pg_stat_activity a USING (pid) "
        "WHERE l.locktype = 'relation' AND l.granted AND l.mode = 'ShareUpdateExclusiveLock' "
        "AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
        "AND l.relation = to_regclass(quote_ident(%(table)s)) AND l.pid <> pg_backend_pid() LIMIT 1"
    )


def next_transaction() -> sql.SQL:
    """A transaction number (xid) below all transactions to come.

    It lies below that of every transaction yet to begin. No lock.
    """
    return sql.SQL("SELECT pg_snapshot_xmax(pg_current_snapshot())::xid::text::bigint")


def oldest_snapshot() -> sql.SQL:
    """The oldest holder of a snapshot that keeps dead rows.

    The rows are those that died since ``since_xid``.

    Kind, name, state, age in seconds and in transactions, and if it is passing; state and seconds
    are NULL if absent. A session is passing if its transaction is younger than ``begun_seconds``,
    or its application name is one of ``own``; any other holder comes first. If ``since_xid`` is
    NULL: the holder that keeps any dead row alive. Only members of pg_read_all_stats see sessions
    of other roles. VACUUM disregards sessions of other databases and other VACUUMs, so they are
    left out. No lock.
    """
    return sql.SQL(
        "SELECT kind, name, state, seconds, xids, coalesce(seconds < %(begun_seconds)s, false) "
        "OR coalesce(program = ANY (%(own)s), false) AS is_passing FROM ("
        "SELECT *, extract(epoch FROM clock_timestamp() - since)::float8 AS seconds FROM ("
        "SELECT 'pid' AS kind, pid::text AS name, state, xact_start AS since, "
        "application_name AS program, "
        "greatest(age(backend_xid), age(backend_xmin)) AS xids FROM pg_stat_activity "
        "WHERE (datname = current_database() OR datname IS NULL) AND pid <> pg_backend_pid() "
        "AND backend_type IS DISTINCT FROM 'autovacuum worker' "
        "AND pid NOT IN (SELECT pid FROM pg_stat_progress_vacuum) "
        "UNION ALL SELECT 'prepared transaction', gid, NULL, prepared, NULL, age(transaction) "
        "FROM pg_prepared_xacts WHERE database = current_database() "
        "UNION ALL SELECT 'replication slot', slot_name, NULL, NULL, NULL, age(xmin) "
        "FROM pg_replication_slots) AS found) AS holder "
        "WHERE xids >= coalesce(age(%(since_xid)s::text::xid), 0) "
        "ORDER BY is_passing, xids DESC, since LIMIT 1"
    )

"""Sizes, server settings, and the token's indexes.

Each builder names its lock; only ``reindex`` takes more than ACCESS SHARE.
"""

from __future__ import annotations

from token_rotation.postgres.driver import sql
from token_rotation.selection.target import Target
from token_rotation.sql.keys.walk import HASH


def storage() -> sql.SQL:
    """Bytes of the table and its indexes, and dead rows.

    Dead rows are NULL if nobody counts them.

    Takes ``table``. ACCESS SHARE.
    """
    return sql.SQL(
        "SELECT pg_table_size(t.oid), pg_indexes_size(t.oid), "
        "CASE WHEN current_setting('track_counts')::bool THEN s.n_dead_tup END "
        "FROM (SELECT to_regclass(quote_ident(%(table)s)) AS oid) AS t "
        "LEFT JOIN pg_stat_all_tables s ON s.relid = t.oid"
    )


OF_THE_TOKEN = sql.SQL(
    "(a.attnum = x.indkey[0] OR (x.indkey[0] = 0 "
    "AND starts_with(pg_get_indexdef(i.oid, 1, false), {begins}) "
    "AND starts_with(ltrim(substr(pg_get_indexdef(i.oid, 1, false), length({begins}) + 1), '('), "
    "quote_ident(a.attname))))"
).format(begins=sql.Literal(f"{HASH}("))
"""The index ``x``, named in ``i``, is about the column ``a``: its value, or its hash."""


def token_indexes() -> sql.Composed:
    """The valid B-trees of the token alone, or of its hash.

    Name, bytes, bytes of a token, live rows.

    Takes ``table`` and ``token``. The width is the type's, else what ANALYZE measured. Width and
    rows are NULL if unknown. The unique index comes first: Django gives a text column a second one,
    for LIKE. ACCESS SHARE on the indexes for a moment.
    """
    return sql.SQL(
        "SELECT i.relname::text, pg_relation_size(i.oid), CASE WHEN x.indkey[0] = 0 THEN 8 "
        "WHEN a.attlen > 0 THEN a.attlen ELSE s.avg_width END, "
        "CASE WHEN c.reltuples >= 0 THEN c.reltuples::bigint END "
        "FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid "
        "JOIN pg_class c ON c.oid = x.indrelid "
        "JOIN pg_attribute a ON a.attrelid = c.oid AND {is_of_the_token} "
        "JOIN pg_namespace n ON n.oid = c.relnamespace "
        "LEFT JOIN pg_stats s ON s.schemaname = n.nspname "
        "AND s.tablename = c.relname AND s.attname = a.attname "
        "JOIN pg_am m ON m.oid = i.relam AND m.amname = 'btree' "
        "WHERE c.oid = to_regclass(quote_ident(%(table)s)) AND a.attname = %(token)s "
        "AND x.indnatts = 1 AND x.indisvalid AND x.indpred IS NULL "
        "ORDER BY x.indisunique DESC, i.relname"
    ).format(is_of_the_token=OF_THE_TOKEN)


def leftover_indexes() -> sql.Composed:
    """Names of invalid indexes that REINDEX CONCURRENTLY left behind.

    That REINDEX was cancelled.

    Takes ``table`` and ``token``. PostgreSQL names them ``..._ccnew`` and ``..._ccold``, with a
    number from the second on. An index that is being built now is left out. No lock.
    """
    return sql.SQL(
        "SELECT i.relname::text FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid "
        "JOIN pg_attribute a ON a.attrelid = x.indrelid AND {is_of_the_token} "
        "WHERE x.indrelid = to_regclass(quote_ident(%(table)s)) AND a.attname = %(token)s "
        "AND x.indnatts = 1 AND NOT x.indisvalid AND i.relname ~ '_cc(new|old)[0-9]*$' "
        "AND NOT EXISTS (SELECT FROM pg_locks l WHERE l.relation = i.oid AND l.granted "
        "AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
        "AND l.mode = 'ShareUpdateExclusiveLock') "
        "ORDER BY i.relname"
    ).format(is_of_the_token=OF_THE_TOKEN)


def may_reindex() -> sql.SQL:
    """Test this role's right to rebuild ``index``.

    No lock.

    Its owner may, and a superuser; from PostgreSQL 17 on, so may any role that is granted MAINTAIN
    on its table. The owner of the database may not: REINDEX INDEX differs in that from VACUUM.
    """
    return sql.SQL(
        "SELECT pg_has_role(i.relowner, 'USAGE') "
        "OR CASE WHEN current_setting('server_version_num')::int >= 170000 "
        "THEN has_table_privilege(x.indrelid, 'MAINTAIN') ELSE false END "
        "FROM pg_class i JOIN pg_index x ON x.indexrelid = i.oid "
        "WHERE i.oid = to_regclass(quote_ident(%(index)s))"
    )


def reindex(index: str) -> sql.Composed:
    """Rebuild the index beside the old one, then swap them.

    Cannot run in a transaction.

    SHARE UPDATE EXCLUSIVE: reads and writes go on. Waits for the transactions that may still use
    the old index.
    """
    return sql.SQL("REINDEX INDEX CONCURRENTLY {index}").format(index=sql.Identifier(index))


def maintenance_progress() -> sql.SQL:
    """Progress of a VACUUM or REINDEX on ``table``.

    Phase, blocks done, all blocks, pid. The pid is of the session it waits for; NULL if there is
    none. PostgreSQL hides those of other roles. No lock.
    """
    return sql.SQL(
        "SELECT phase, heap_blks_scanned, heap_blks_total, NULL FROM pg_stat_progress_vacuum "
        "WHERE relid = to_regclass(quote_ident(%(table)s)) AND datname = current_database() "
        "UNION ALL SELECT phase, blocks_done, blocks_total, nullif(current_locker_pid, 0) "
        "FROM pg_stat_progress_create_index "
        "WHERE relid = to_regclass(quote_ident(%(table)s)) AND datname = current_database() LIMIT 1"
    )


def oldest_rotation(target: Target) -> sql.Composed:
    """The oldest transaction (xid) among the first rotated rows.

    It looks at the first hundred rotated rows.

    No row of the rotation died long before it. NULL if none is rotated. ACCESS SHARE.
    """
    return sql.SQL(
        "SELECT (array_agg(xmin::text::bigint ORDER BY age(xmin) DESC))[1] FROM ("
        "SELECT xmin FROM {table} WHERE {marker} IS NOT NULL ORDER BY {key} LIMIT 100) AS first"
    ).format(
        table=sql.Identifier(target.table),
        marker=sql.Identifier(target.marker_column),
        key=sql.Identifier(target.key_column),
    )


def server_settings() -> sql.SQL:
    """Server settings that may hurt a rotation.

    Takes ``table``. No lock.

    max_wal_size in bytes; full_page_writes; if wal_compression is on. If autovacuum is on for the
    server, and for the table. The unused replication slot that keeps most WAL, unless a limit is
    set.
    """
    return sql.SQL(
        "SELECT pg_size_bytes(current_setting('max_wal_size')), "
        "current_setting('full_page_writes')::bool, current_setting('wal_compression') <> 'off', "
        "current_setting('autovacuum')::bool, "
        "coalesce((SELECT option_value::bool FROM pg_class, pg_options_to_table(reloptions) "
        "WHERE oid = to_regclass(quote_ident(%(table)s)) "
        "AND option_name = 'autovacuum_enabled'), true), "
        "(SELECT slot_name::text FROM pg_replication_slots WHERE NOT active "
        "AND restart_lsn IS NOT NULL AND current_setting('max_slot_wal_keep_size') = '-1' "
        "ORDER BY restart_lsn LIMIT 1)"
    )


def checkpoints(server_version: int) -> sql.SQL:
    """Count timed and requested checkpoints.

    Requested by WAL or by hand. No lock.

    ``server_version`` is server_version_num: PostgreSQL 17 moved the figures to another view.
    """
    if server_version >= 170000:
        return sql.SQL("SELECT num_timed, num_requested FROM pg_stat_checkpointer")
    return sql.SQL("SELECT checkpoints_timed, checkpoints_req FROM pg_stat_bgwriter")


def server_version() -> sql.SQL:
    """The server_version_num, such as 140011.

    No lock.
    """
    return sql.SQL("SELECT current_setting('server_version_num')::int")

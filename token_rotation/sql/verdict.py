"""SQL that reads the heap of a table and its children, in one snapshot.

ACCESS SHARE on every relation. No WHERE names a column, so no index can answer: an index that lacks
entries changes nothing. The table is read through its parent, which needs no rights on children.
"""

from __future__ import annotations

from token_rotation.postgres.driver import sql
from token_rotation.selection.key_range import EVERY_KEY
from token_rotation.selection.marked_table import MarkedTable
from token_rotation.selection.selection import EVERY_ROW
from token_rotation.sql.keys.walk import walk_key
from token_rotation.sql.pending import later, pending, still_pending
from token_rotation.sql.server.tree import TREE

READ_PLAINLY = sql.SQL(
    "SET LOCAL enable_seqscan = on; SET LOCAL enable_tidscan = on; SET LOCAL jit = off; "
    "SET LOCAL max_parallel_workers_per_gather = 0"
)
"""One process, beside traffic, whatever the server's settings."""

IDENTITY = sql.SQL(
    "SELECT (SELECT system_identifier::text FROM pg_control_system()), "
    "CASE WHEN pg_is_in_recovery() THEN (SELECT timeline_id FROM pg_control_checkpoint()) "
    "ELSE ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::bigint END"
)
"""System identifier and timeline of the cluster."""

READ_AT = sql.SQL("%(read_at)s")

SNAPSHOT = sql.SQL(
    "SELECT pg_current_snapshot()::text, clock_timestamp(), pg_is_in_recovery(), "
    "current_setting('transaction_read_only') = 'on', current_database()::text, "
    "current_user::text, current_setting('server_version')"
)


def lock(target: MarkedTable) -> sql.Composed:
    """Lock the table and its children in ACCESS SHARE mode, as every SELECT does.

    Before the snapshot is taken: to a snapshot that is older, a table that TRUNCATE or an ALTER
    TABLE has rewritten seems empty.
    """
    return sql.SQL("LOCK TABLE {table} IN ACCESS SHARE MODE").format(
        table=sql.Identifier(target.table)
    )


def relations() -> sql.Composed:
    """The table and all its children: oid, name, kind, schema, bare name and pages.

    Takes ``table``. The name has its schema and is quoted where needed.
    """
    return sql.SQL(
        "{tree} SELECT c.oid::bigint, "
        "quote_ident(n.nspname) || '.' || quote_ident(c.relname), "
        "c.relkind::text, n.nspname::text, c.relname::text, coalesce(pg_relation_size(c.oid), 0) "
        "/ current_setting('block_size')::bigint "
        "FROM tree JOIN pg_class c ON c.oid = tree.oid "
        "JOIN pg_namespace n ON n.oid = c.relnamespace "
        "ORDER BY c.oid"
    ).format(tree=TREE)


def count_in_pages(target: MarkedTable, *, token_is_text: bool, is_last: bool) -> sql.Composed:
    """Count the rows in some pages of each relation.

    One row for each relation: its oid, rows, pending rows of the selection, pending rows of the
    whole table with the same cut-off, rows without a token, rows with a token whose marker is later
    than ``read_at``, infinite markers, the first and the last finite marker. With a cut-off, rows
    with a later marker are pending, too. Takes ``first`` and ``end``, row addresses as "(page,0)";
    where ``is_last`` there is no ``end``. Also ``read_at`` and the parameters of ``values_of``.
    """
    end = sql.SQL("") if is_last else sql.SQL(" AND ctid < %(end)s::tid")
    return sql.SQL(
        "SELECT tableoid::bigint, count(*), count(*) FILTER (WHERE {everywhere} AND {pending}), "
        "count(*) FILTER (WHERE {everywhere}), "
        "count(*) FILTER (WHERE {absent}), count(*) FILTER (WHERE {later}), "
        "count(*) FILTER (WHERE {marker} = 'infinity' OR {marker} = '-infinity'), "
        "CASE WHEN min({marker}) {finite} THEN min({marker}) END, "
        "CASE WHEN max({marker}) {finite} THEN max({marker}) END "
        "FROM {table} WHERE ctid >= %(first)s::tid{end} GROUP BY tableoid"
    ).format(
        everywhere=still_pending(target.unnarrowed, EVERY_KEY, later_than=READ_AT),
        pending=still_pending(target, EVERY_KEY, later_than=READ_AT),
        later=later(target.selecting(EVERY_ROW), than=READ_AT),
        absent=_absent(target, token_is_text=token_is_text),
        finite=sql.SQL("BETWEEN '0001-01-02' AND '9999-12-30'"),  # what Python can hold
        marker=sql.Identifier(target.marker_column),
        table=sql.Identifier(target.table),
        end=end,
    )


def _absent(target: MarkedTable, *, token_is_text: bool) -> sql.Composable:
    """True for a row without a token, where the target is one of tokens."""
    if target.presence is None:
        return sql.SQL("false")
    absent = "{token} IS NULL OR {token} = ''" if token_is_text else "{token} IS NULL"
    return sql.SQL(absent).format(token=sql.Identifier(target.presence[0]))


def count_in_key_order(target: MarkedTable) -> sql.Composed:
    """Count the pending rows of each relation as a rotation finds them: by an index.

    The rotation reads in key order, so this does. Takes ``read_at`` and the parameters of
    ``values_of``.
    """
    return sql.SQL(
        "SELECT tableoid::bigint, count(*) FROM (SELECT tableoid FROM {table} WHERE {pending} "
        "ORDER BY {key}) AS found GROUP BY tableoid"
    ).format(
        table=sql.Identifier(target.table),
        pending=pending(target, EVERY_KEY, later_than=READ_AT),
        key=walk_key(target),
    )


def explain(query: sql.Composable) -> sql.Composed:
    """The plan of a query as JSON, with the schemas of the relations."""
    return sql.SQL("EXPLAIN (FORMAT JSON, VERBOSE) {}").format(query)

"""SQL that counts, measures and deletes retired tokens.

ACCESS SHARE on the target at most.
"""

from __future__ import annotations

from token_rotation.postgres.driver import sql
from token_rotation.selection.target import Target
from token_rotation.triggers.retired_sql import TABLE


def count_still_valid(target: Target) -> sql.Composed:
    """Count the rows whose token was retired.

    Reads both tables once, where nested loops are off: they would compare every row with every
    hash, if the statistics know of few.
    """
    return sql.SQL(
        "SELECT count(*) FROM {table} AS stored JOIN {retired} AS retired "
        "ON retired.hash = sha256(convert_to({token}::text, 'UTF8'))"
    ).format(
        table=sql.Identifier(target.table),
        retired=sql.Identifier(TABLE),
        token=sql.Identifier("stored", target.token_column),
    )


def ask_again(target: Target) -> str:
    """Make the rows whose token was retired pending, as somebody types it."""
    hashed = f"sha256(convert_to(\"{target.token_column}\"::text, 'UTF8'))"
    return (
        f'UPDATE "{target.table}" SET "{target.marker_column}" = NULL '  # noqa: S608
        f"WHERE {hashed} IN (SELECT hash FROM {TABLE})"
    )


def look_up() -> sql.Composed:
    """Where and when the token with ``hash`` was retired; one look-up by the primary key."""
    return sql.SQL("SELECT source, retired_at FROM {table} WHERE hash = %(hash)s").format(
        table=sql.Identifier(TABLE)
    )


def is_any_listed() -> sql.Composed:
    """Test that one of the hashes in the table of ``sql.lists`` is kept.

    The OFFSET makes each line a look-up of its own, in the primary key.
    """
    return sql.SQL(
        "SELECT EXISTS (SELECT FROM pg_temp.rotation_listed CROSS JOIN LATERAL ("
        "SELECT FROM {table} WHERE hash = value OFFSET 0) AS kept)"
    ).format(table=sql.Identifier(TABLE))


def pages() -> sql.Composed:
    """The pages of the table of hashes.

    NULL if there is no such table. No lock.
    """
    return sql.SQL(
        "SELECT pg_relation_size(to_regclass({table})) / current_setting('block_size')::bigint"
    ).format(table=sql.Literal(TABLE))


def delete_old() -> sql.Composed:
    """Delete what was retired more than ``days`` ago.

    Within some pages of the table.

    ``first`` and ``end`` are row addresses, "(page,0)"; ``end`` is excluded. ROW EXCLUSIVE on the
    table of hashes, FOR UPDATE on the deleted rows. Reads those pages once and needs no index,
    which would slow rotations.
    """
    return sql.SQL(
        "DELETE FROM {table} WHERE ctid >= %(first)s::tid AND ctid < %(end)s::tid "
        "AND retired_at < clock_timestamp() - make_interval(days => %(days)s)"
    ).format(table=sql.Identifier(TABLE))


def keeping_state() -> sql.SQL:
    """Whether ``table`` has the trigger ``guard``, and whether it has ``keep``."""
    return sql.SQL(
        "SELECT coalesce(bool_or(tgname = %(guard)s), false), "
        "coalesce(bool_or(tgname = %(keep)s), false) "
        "FROM pg_trigger WHERE tgrelid = to_regclass(quote_ident(%(table)s)) AND NOT tgisinternal"
    )


def was_filled(target: Target) -> sql.Composed:
    """Test that a table has rows, or pages of rows that it had."""
    return sql.SQL(
        "SELECT EXISTS (SELECT FROM {table}) "
        "OR pg_relation_size(to_regclass(quote_ident({name}))) > 0"
    ).format(table=sql.Identifier(target.table), name=sql.Literal(target.table))


def any_older() -> sql.Composed:
    """Test that a token of ``source`` was retired more than ``days`` ago. May read all hashes."""
    return sql.SQL(
        "SELECT EXISTS (SELECT FROM {table} WHERE source = %(source)s "
        "AND retired_at < statement_timestamp() - make_interval(days => %(days)s))"
    ).format(table=sql.Identifier(TABLE))


def callers() -> sql.SQL:
    """Name a table whose triggers or defaults call one of ``functions``; no row for none."""
    return sql.SQL(
        "SELECT d.adrelid::regclass::text FROM pg_attrdef d JOIN pg_depend n ON n.objid = d.oid "
        "AND n.classid = 'pg_attrdef'::regclass AND n.refclassid = 'pg_proc'::regclass "
        "JOIN pg_proc f ON f.oid = n.refobjid AND f.proname = ANY (%(functions)s) UNION "
        "SELECT t.tgrelid::regclass::text FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid "
        "WHERE EXISTS (SELECT FROM unnest(%(functions)s::text[]) each "
        "WHERE strpos(p.prosrc, each || '(') > 0) ORDER BY 1 LIMIT 1"
    )

"""SQL that compares other columns with the token.

ACCESS SHARE on the table at most.
"""

from __future__ import annotations

from collections.abc import Iterable

from token_rotation.postgres.driver import sql
from token_rotation.selection.related_table import Join, RelatedTable
from token_rotation.selection.target import Target

SAMPLED_ROWS = 500
"""Rows of each of three parts of the table: the pending ones, the first ones, the last ones."""

LONGEST_TEXT = 1_000
"""Characters of a value that are compared; of a token, all are."""


def columns() -> sql.SQL:
    """Find the columns of ``table`` that may hold a token or a digest.

    Name; "text", "bytea" or "uuid"; if this role may read it; if PostgreSQL itself computes it. No
    lock.
    """
    return sql.SQL(
        "SELECT a.attname::text, "
        "CASE b.oid WHEN 'bytea'::regtype THEN 'bytea' WHEN 'uuid'::regtype THEN 'uuid' "
        "ELSE 'text' END, "
        "has_column_privilege(a.attrelid, a.attnum, 'SELECT'), a.attgenerated <> '' "
        "FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid "
        "JOIN pg_type b ON b.oid = CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.oid END "
        "WHERE a.attrelid = to_regclass(quote_ident(%(table)s)) "
        "AND a.attnum > 0 AND NOT a.attisdropped "
        "AND (b.typcategory = 'S' OR b.oid IN ('bytea'::regtype, 'uuid'::regtype)) "
        "ORDER BY a.attnum"
    )


def sample(target: Target, kinds: dict[str, str]) -> sql.Composed:
    """Read the token and other columns of some rows.

    ``kinds`` are the columns, with the answer of ``columns``. Values come as text or bytes. The
    rows have a token. Each part is read along an index on the key.
    """
    token = _plain(sql.Identifier(target.token_column), kinds.get(target.token_column, "text"))
    others = (
        _beginning(sql.Identifier(column), kind)
        for column, kind in kinds.items()
        if column != target.token_column
    )
    return sql.SQL("SELECT {values} FROM ({rows}) AS sampled").format(
        values=sql.SQL(", ").join([token, *others]),
        rows=_sampled(target, kinds),
    )


def related_sample(
    target: Target, token_kind: str, related: RelatedTable, kinds: dict[str, str]
) -> sql.Composed:
    """Read a key, the token, and columns of a table that holds a part of the same objects.

    Of each part of the token's table, the rows that the other table has. ``kinds`` are its columns.
    """
    token = sql.Identifier(target.table, target.token_column)
    last = related.joins[-1]
    by_key = sql.Identifier(last.table, last.column)
    by_token = sql.Identifier(target.table, target.key_column)
    pending = sql.SQL("AND {} IS NULL").format(sql.Identifier(target.table, target.marker_column))
    parts = ((pending, by_token, "ASC"), (None, by_key, "ASC"), (None, by_key, "DESC"))
    each = sql.SQL(
        "(SELECT {by_key}, {values} FROM {table} {joins} WHERE {token} IS NOT NULL "
        "AND {token}::text <> '' {also} ORDER BY {order} {direction} LIMIT {rows})"
    )
    return sql.SQL(" UNION ").join(
        each.format(
            by_key=by_key,
            values=sql.SQL(", ").join(
                [
                    _plain(token, token_kind),
                    *(
                        _beginning(sql.Identifier(last.table, column), kind)
                        for column, kind in kinds.items()
                    ),
                ]
            ),
            table=sql.Identifier(target.table),
            joins=sql.SQL(" ").join(map(_join, related.joins)),
            token=token,
            also=also or sql.SQL(""),
            order=order,
            direction=sql.SQL(direction),
            rows=sql.Literal(SAMPLED_ROWS),
        )
        for also, order, direction in parts
    )


def count_different(target: Target, column: str, expression: sql.Composable) -> sql.Composed:
    """Count rows of the sample in which ``column`` is filled.

    Then those of them whose value is not what the expression gives.
    """
    return sql.SQL(
        "SELECT count(*), count(*) FILTER (WHERE {stored}::text IS DISTINCT FROM "
        "({expression})::text) FROM ({rows}) AS sampled WHERE {stored} IS NOT NULL "
        "AND {stored}::text <> ''"
    ).format(
        stored=sql.Identifier(column),
        expression=expression,
        rows=_sampled(target, [column]),
    )


def _sampled(target: Target, others: Iterable[str]) -> sql.Composed:
    """Each row once, although it may be in several parts."""
    columns = dict.fromkeys([target.key_column, target.token_column, *others])
    parts = {"ASC": ("AND {marker} IS NULL", ""), "DESC": ("",)}
    each = sql.SQL(
        "(SELECT {columns} FROM {table} WHERE {token} IS NOT NULL AND {token}::text <> '' {also} "
        "ORDER BY {key} {order} LIMIT {rows})"
    )
    return sql.SQL(" UNION ").join(
        each.format(
            columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
            table=sql.Identifier(target.table),
            token=sql.Identifier(target.token_column),
            also=sql.SQL(also).format(marker=sql.Identifier(target.marker_column)),
            key=sql.Identifier(target.key_column),
            order=sql.SQL(order),
            rows=sql.Literal(SAMPLED_ROWS),
        )
        for order, conditions in parts.items()
        for also in conditions
    )


def _join(join: Join) -> sql.Composed:
    return sql.SQL("JOIN {table} ON {own} = {before}").format(
        table=sql.Identifier(join.table),
        own=sql.Identifier(join.table, join.column),
        before=sql.Identifier(join.before, join.column_before),
    )


def _plain(column: sql.Identifier, kind: str) -> sql.Composed:
    return sql.SQL("{}" if kind == "bytea" else "{}::text").format(column)


def _beginning(column: sql.Identifier, kind: str) -> sql.Composed:
    return sql.SQL("substr({}, 1, {})").format(_plain(column, kind), sql.Literal(LONGEST_TEXT))

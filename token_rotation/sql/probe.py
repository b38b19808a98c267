"""The SQL text of one look at what makes fresh tokens, before it is used on a table."""

from __future__ import annotations

from psycopg2 import sql


def probe(expression: str) -> sql.Composed:
    """One row about three tokens: how many there are, how many different ones, the longest.

    Then the length that the column has room for, NULL where it has no bound. Takes ``table`` and
    ``column``. No lock on the table; no token leaves the server.
    """
    return sql.SQL(
        "SELECT count(token), count(DISTINCT token), max(length(token)), "
        "(SELECT atttypmod - 4 FROM pg_attribute "
        "WHERE attrelid = to_regclass(quote_ident(%(table)s)) AND attname = %(column)s "
        "AND atttypmod > 4 AND atttypid IN ('varchar'::regtype, 'bpchar'::regtype)) "
        "FROM (SELECT ({expression})::text AS token FROM generate_series(1, 3)) AS made"
    ).format(expression=sql.SQL(expression.replace("%", "%%")))

"""SQL that counts listed tokens that are still stored.

ACCESS SHARE on the table. The list is the temporary table of ``sql.lists``.
"""

from __future__ import annotations

from token_rotation.postgres.driver import sql


def counts(*queries: sql.Composable) -> sql.Composed:
    """Answer several counts in one row, from one snapshot."""
    return sql.SQL("SELECT {}").format(
        sql.SQL(", ").join(sql.SQL("({})").format(query) for query in queries)
    )


def count_valid(table: str, token_column: str, token_type: str) -> sql.Composed:
    """Count the listed tokens that are stored.

    Each line counts once.
    """
    return sql.SQL(
        "SELECT count(*) FROM pg_temp.rotation_listed AS listed WHERE EXISTS ("
        "SELECT FROM {table} AS stored WHERE {token} = listed.value::{type})"
    ).format(
        table=sql.Identifier(table),
        token=sql.Identifier("stored", token_column),
        type=sql.SQL(token_type),
    )


def count_valid_derived(
    table: str, token_column: str, token_type: str, derived_column: str, expression: str
) -> sql.Composed:
    """Count the listed tokens whose derived value is stored.

    Each line counts once.

    A value that follows from the row's own token is no trace of a listed one: short values, such
    as a prefix, are equal by chance.
    """
    listed = sql.SQL("listed.value::{type}").format(type=sql.SQL(token_type))
    return sql.SQL(
        "SELECT count(*) FROM pg_temp.rotation_listed AS listed WHERE EXISTS ("
        "SELECT FROM {table} AS stored WHERE {derived} = ({of_listed}) AND {out_of_step})"
    ).format(
        table=sql.Identifier(table),
        derived=sql.Identifier("stored", derived_column),
        of_listed=_derived(expression, listed),
        out_of_step=_out_of_step(token_column, derived_column, expression),
    )


def count_out_of_step(
    table: str, token_column: str, derived_column: str, expression: str
) -> sql.Composed:
    """Count the rows whose derived value does not follow from their token.

    Scans the table once.
    """
    return sql.SQL("SELECT count(*) FROM {table} AS stored WHERE {out_of_step}").format(
        table=sql.Identifier(table),
        out_of_step=_out_of_step(token_column, derived_column, expression),
    )


def _out_of_step(token_column: str, derived_column: str, expression: str) -> sql.Composed:
    """A derived value is stored that does not follow from the stored token."""
    return sql.SQL("({derived} IS NOT NULL AND {derived} IS DISTINCT FROM ({of_stored}))").format(
        derived=sql.Identifier("stored", derived_column),
        of_stored=_derived(expression, sql.Identifier("stored", token_column)),
    )


def _derived(expression: str, token: sql.Composable) -> sql.Composed:
    """Put a token into declared SQL, in place of each ``{token}``."""
    first, *others = expression.split("{token}")
    return sql.Composed(
        [sql.SQL(first), *(part for each in others for part in (token, sql.SQL(each)))]
    )


def count_valid_hashes(table: str, token_column: str) -> sql.Composed:
    """Count the listed SHA-256 that are of stored tokens.

    Each line counts once.

    Scans the table once. A token's SHA-256 is that of its text in UTF-8, as PostgreSQL writes it:
    a UUID in lower case with hyphens.
    """
    return sql.SQL(
        "SELECT count(*) FROM pg_temp.rotation_listed WHERE value IN ("
        "SELECT sha256(convert_to({token}::text, 'UTF8')) FROM {table})"
    ).format(token=sql.Identifier(token_column), table=sql.Identifier(table))


def sample(table: str, token_column: str) -> sql.Composed:
    """Up to 1,000 of the stored values, as text, drawn from the whole table.

    The first thousand may all be of rows that are still to be rotated, or of fresh ones.
    """
    return sql.SQL(
        "SELECT value FROM (SELECT {token}::text AS value FROM {table}) AS stored "
        "WHERE value <> '' ORDER BY random() LIMIT 1000"
    ).format(token=sql.Identifier(token_column), table=sql.Identifier(table))

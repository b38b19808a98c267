"""The value that an UPDATE sets a token column to.

It is made in SQL, or handed over from Python.
"""

from __future__ import annotations

from token_rotation.postgres.driver import sql
from token_rotation.selection.target import Target

KEEP_TOKENS = sql.SQL("SELECT set_config('token_rotation.tokens', %(tokens)s, true) IS NULL")
"""Keep ``tokens``, an array in its text form, for the statements of this transaction.

The server may log the text of a statement that fails. This one does not fail where an UPDATE may,
so no token gets into the log.
"""


def keep_made(expression: str) -> sql.Composed:
    """Make ``made_rows`` tokens on the server, and keep them as KEEP_TOKENS does."""
    return sql.SQL(
        "SELECT set_config('token_rotation.tokens', coalesce((SELECT array_agg(({}))::text "
        "FROM generate_series(1, %(made_rows)s)), '{{}}'), true) IS NULL"
    ).format(made_by(expression))


_PREFIXED_UUID = sql.SQL(
    "overlay(overlay(encode(set_bit(set_bit(substr(sha256("
    "(SELECT uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())) || "
    "oidsend({table}.tableoid) || tidsend({table}.ctid)"
    "), 1, 16), 71, 1), 70, 0), 'hex') PLACING '4' FROM 13) PLACING %(token_prefix)s FROM 1)::uuid"
)


def made_by(expression: str) -> sql.SQL:
    """The SQL expression of a token source.

    It is evaluated for each row.
    """
    return sql.SQL(expression.replace("%", "%%"))


def sets_token(target: Target, token: sql.Composable) -> sql.Composed:
    """The assignment of a token to its column."""
    return sql.SQL("{column} = {token}").format(
        column=sql.Identifier(target.token_column), token=token
    )


def prefixed_uuid(target: Target) -> sql.Composed:
    """A UUID of version 4 that begins with ``token_prefix``.

    The prefix consists of hexadecimal digits.

    The rest is a hash of 244 random bits, made once a statement and known to nobody, and of the
    row's place, which no other row has at that time. The two bits are the variant's, the 4 is the
    version. Each random UUID costs the server a system call or more; a hash costs less.
    """
    return _PREFIXED_UUID.format(table=sql.Identifier(target.table))


def made_from(target: Target, expression: str) -> sql.Composed:
    """The declared SQL of a derived column, over the stored token."""
    first, *others = (sql.SQL(part.replace("%", "%%")) for part in expression.split("{token}"))
    token = sql.Identifier(target.token_column)
    return sql.Composed([first, *(each for other in others for each in (token, other))])

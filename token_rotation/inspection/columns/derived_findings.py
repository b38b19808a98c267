"""Findings about columns that derive from the token, with what to do about them."""

from __future__ import annotations

from collections.abc import Sequence

from token_rotation.inspection.columns.likeness import Found
from token_rotation.inspection.problem import Problem
from token_rotation.selection.related_table import RelatedTable
from token_rotation.selection.target import Target

HOW_TO = "docs/how-to/derived-columns.md"
_AFTER_YOU = "python manage.py makemigrations, then migrate, after you"
DECLARE = f"{_AFTER_YOU} declare"


def column_derives(target: Target, column: str, found: Found, compared: int) -> Problem:
    """A column holds something of its row's token.

    A problem, unless it is declared to be unrelated and is no digest.
    """
    sentence = _holds(target.table, column, found, compared)
    if column in target.unrelated and not found.likeness.is_digest:
        return Problem(
            "token_rotation.W046",
            f"{sentence}. The model declares that it does not follow the token, so it still "
            "belongs to the leaked token after a rotation",
            f"{DECLARE} its SQL in guard(..., derived={{...}}), unless nothing is looked up by it",
        )
    if column == target.key_column:
        return Problem(
            "token_rotation.E050",
            f"{sentence}. It is the primary key, which a rotation cannot change",
            f"{DECLARE} guard(..., derived={{{column!r}: None}}), if nothing is opened by it",
        )
    made = found.likeness.sql or "SQL with {token}"
    return Problem(
        "token_rotation.E050",
        f"{sentence}: after a rotation it would still belong to the leaked token ({HOW_TO})",
        f'{DECLARE} guard(..., derived={{"{column}": "{made}"}})',
    )


def related_column_derives(
    target: Target, related: RelatedTable, column: str, found: Found, compared: int
) -> Problem:
    """A column of a parent or a child holds something of the token: as ``column_derives``."""
    sentence = _holds(related.table, column, found, compared)
    move = f"{_AFTER_YOU} move the column to {target.table}"
    if column in related.unrelated and not found.likeness.is_digest:
        return Problem(
            "token_rotation.W046",
            f"{sentence}. The model declares that it does not follow the token, so it still "
            "belongs to the leaked token after a rotation",
            f"{move}, unless nothing is looked up by it",
        )
    return Problem(
        "token_rotation.E050",
        f"{sentence}: after a rotation it would still belong to the leaked token, since the guard "
        f"of {target.table} writes no other table ({HOW_TO})",
        f"{move}, and declare its SQL in guard(..., derived={{...}})",
    )


def token_is_hash(target: Target, hashes: int, compared: int) -> Problem:
    """The token's column holds hashes of passwords."""
    return Problem(
        "token_rotation.E051",
        f"{target.table}.{target.token_column} holds password hashes in {hashes:,} of "
        f"{compared:,} rows compared: nobody can know the secret of a fresh one. Revoke them "
        f"instead ({HOW_TO})",
        f"{DECLARE} guard(..., fresh_token=unusable(), accept='sent') and keep_retired()",
    )


def sql_fails(target: Target, column: str, reason: str) -> Problem:
    """The server cannot run the declared SQL of a column."""
    sentence = f"The SQL declared for {target.table}.{column} fails: {reason}"
    return Problem("token_rotation.E052", sentence, _right_sql(column))


def sql_differs(target: Target, column: str, different: int, filled: int) -> Problem:
    """The declared SQL gives another value than is stored: a problem if it does in each row."""
    sentence = (
        f"{target.table}.{column} holds another value than its declared SQL gives in "
        f"{different:,} of {filled:,} rows compared. A rotation writes what the SQL gives"
    )
    if different == filled:
        return Problem("token_rotation.E052", sentence, _right_sql(column))
    return Problem(
        "token_rotation.W048", sentence, f"{target.whole_command}, which puts pending rows right"
    )


def not_compared(table: str, columns: Sequence[str], reason: str) -> Problem:
    """Some columns could not be compared."""
    return Problem(
        "token_rotation.W047",
        f"{table}: {', '.join(columns)} was not compared with the token, so a column that "
        f"derives from it may be unknown: {reason}",
        "python manage.py check --database ALIAS, as a role that may read every column",
    )


def _right_sql(column: str) -> str:
    return f"{DECLARE} the right SQL for {column} in guard(..., derived={{...}})"


def _holds(table: str, column: str, found: Found, compared: int) -> str:
    what = found.likeness.what
    return f"{table}.{column} holds {what} in {found.rows:,} of {compared:,} rows compared"

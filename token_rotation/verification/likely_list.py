"""Whether a list of which nothing is found may be a list of a column's tokens at all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from hashlib import new
from itertools import islice

from token_rotation.inspection.columns.column_type import column_type
from token_rotation.postgres import statements
from token_rotation.postgres.connection import Connection
from token_rotation.postgres.copy_stream import CopyStream
from token_rotation.postgres.reading import reading
from token_rotation.retired.kept import digest
from token_rotation.selection.leak_list import LeakList
from token_rotation.sql import retired as retired_sql
from token_rotation.sql.lists import listed_rows as list_sql
from token_rotation.sql.lists import valid_tokens as valid_sql
from token_rotation.targets.lookup import LOCK_TIMEOUT_MS
from token_rotation.targets.resolve import TOKENS
from token_rotation.verification.stored_shape import StoredShape, shape_of_values
from token_rotation.verification.token_column import TokenColumn

LINES_COMPARED = 1_000
_DIGESTS = {32: "md5", 40: "sha1", 64: "sha256", 128: "sha512"}
_ASK = "Try the tokens with --through"
_SHAPELESS = {"uuid", "smallint", "integer", "bigint", "numeric", "boolean"}


def doubts(
    columns: Sequence[TokenColumn],
    leak_list: LeakList,
    *,
    count: Callable[[TokenColumn], int],
    is_right: bool,
    shape_differs: bool,
) -> dict[TokenColumn, str]:
    """Say why a list proves nothing about some of the columns that hold none of its tokens.

    It may be of several columns: if its lines look like the values of one, it ``is_right`` for all.
    It is right too if a token of it is kept as retired. Hashes are not found even by a right list.
    With ``shape_differs`` the operator knows that its tokens look unlike what is stored. SHA-256
    have no shape. ``count`` looks the list up in a column; digests of its lines are looked up too.
    """
    if leak_list.kind.name != TOKENS:
        return {}
    unlike: dict[TokenColumn, StoredShape] = {}
    hashed: dict[TokenColumn, str] = {}
    for column in columns:
        stored, values = _stored_values(column), column.values(leak_list)
        if stored is None:
            is_right = is_right or next(values, None) is not None
        elif stored:
            shape = shape_of_values(stored)
            if shape.may_be_digests and count(_of_digests(column, len(stored[0]))):
                hashed[column] = f"{column.label} holds hashes of listed tokens. {_ASK}"
            elif any(map(shape.fits, values)):
                is_right = True
            else:
                unlike[column] = shape
    is_right = is_right or (bool(unlike) and _has_retired(columns, leak_list))
    return hashed | {
        column: _sentence(column, shape, leak_list)
        for column, shape in unlike.items()
        if shape.has_passwords
        or not (shape_differs or (is_right and not _may_be_digests(column, shape)))
    }


def _of_digests(column: TokenColumn, length: int) -> TokenColumn:
    """Return the column as one of digests of this length in hexadecimal."""
    name, read = _DIGESTS[length], column.read
    return replace(column, derived=(), read=lambda text: new(name, read(text).encode()).hexdigest())


def _may_be_digests(column: TokenColumn, shape: StoredShape) -> bool:
    return shape.may_be_digests and not column.is_declared


def _sentence(column: TokenColumn, shape: StoredShape, leak_list: LeakList) -> str:
    if shape.has_passwords:
        return (
            f"{column.label} holds hashes of passwords, so that no token of {leak_list.name} is "
            f"found there. {_ASK}"
        )
    hashes = " It may hold hashes: then try the tokens with --through." * shape.may_be_digests
    return (
        f"{column.label}: cannot tell: no line of {leak_list.name} looks like a token of this "
        f"column, by length, letters and prefix.{hashes} Check the list; if the tokens had another "
        "shape before they were replaced, say --shape-differs"
    )


def _stored_values(column: TokenColumn) -> list[str] | None:
    """Return some of what is stored; None where any value of the type looks like another."""
    with reading(column.database) as connection:
        with connection.cursor() as cursor:
            if column_type(cursor, column.table, column.column) in _SHAPELESS:
                return None
        sample = valid_sql.sample(column.table, column.column)
        with connection.transaction(*_SETTINGS, values=_BOUND):
            return [str(value) for (value,) in connection.rows(sample)]


def _has_retired(columns: Sequence[TokenColumn], leak_list: LeakList) -> bool:
    """Return True if one of the first listed tokens is kept as retired."""
    databases = {column.database for column in columns if column.is_declared}
    for database in sorted(databases):
        with reading(database) as connection:
            if connection.value(retired_sql.pages()) is not None and _is_any_retired(
                connection, leak_list
            ):
                return True
    return False


def _is_any_retired(connection: Connection, leak_list: LeakList) -> bool:
    hashes = (digest(text) for text in islice(leak_list.values(), LINES_COMPARED))
    with connection.transaction(*_SETTINGS, list_sql.create("bytea"), values=_BOUND):
        connection.copy(list_sql.COPY, CopyStream(hashes))
        return bool(connection.value(retired_sql.is_any_listed()))


_SETTINGS = (statements.LIMIT_LOCK_WAIT, statements.WITHOUT_A_LIMIT)
_BOUND = {"lock_timeout_ms": LOCK_TIMEOUT_MS}

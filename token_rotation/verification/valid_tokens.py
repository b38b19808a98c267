"""Count of leaked tokens that are still stored in look-up columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice

from token_rotation.errors import ListError, NotReadyError
from token_rotation.inspection.columns.column_type import column_type
from token_rotation.inspection.verdict.writers_wait import WritersWait
from token_rotation.inspection.whole_view import require_one_table
from token_rotation.options import ListOptions
from token_rotation.postgres import statements
from token_rotation.postgres.connection import Connection
from token_rotation.postgres.copy_stream import CopyStream
from token_rotation.postgres.reading import reading
from token_rotation.selection.leak_list import LeakList
from token_rotation.sql.lists import listed_rows as list_sql
from token_rotation.sql.lists import valid_tokens as valid_sql
from token_rotation.targets.lookup import LOCK_TIMEOUT_MS
from token_rotation.targets.resolve import HASHES
from token_rotation.verification.likely_list import doubts
from token_rotation.verification.token_column import TokenColumn, target_at
from token_rotation.verification.token_list import opened_tokens
from token_rotation.verification.verified import Verified, verified_as_sentences

LINES_A_LOOK = 1_000_000


def verify(connection: Connection, column: TokenColumn, leak_list: LeakList) -> Verified:
    """Look up every token of a list, or its SHA-256.

    Nothing is written but temporary data.

    Tokens are looked up a million at a time. Each look reads the whole table and no index: a
    damaged index would hide a token. SHA-256 are looked up together. Raises NotReadyError where the
    token column does not exist. PostgreSQL refuses the look-up if row security hides rows from the
    role.
    """
    is_hashed = leak_list.kind.name == "hashes"
    lines_a_look = leak_list.lines if is_hashed else LINES_A_LOOK
    texts = leak_list.values() if is_hashed else column.values(leak_list)
    values = (bytes.fromhex(text) if is_hashed else text.encode() for text in texts)
    query = _hashes_query(column) if is_hashed else _tokens_query(connection, column)
    settings = [
        statements.LIMIT_LOCK_WAIT,
        statements.WITHOUT_A_LIMIT,
        statements.USE_NO_INDEX,
        statements.AVOID_NESTED_LOOPS,
        list_sql.ROOM_TO_JOIN,
    ]
    create = list_sql.create("bytea" if is_hashed else "text")
    valid = [0] * (1 + len(column.derived))
    for _ in range(0, leak_list.lines, lines_a_look):
        bound = {"lock_timeout_ms": LOCK_TIMEOUT_MS}
        with connection.transaction(*settings, create, values=bound):
            connection.copy(list_sql.COPY, CopyStream(islice(values, lines_a_look)))
            connection.change(list_sql.ANALYZE)
            counts = connection.row(query) or ()
            valid = [total + int(count) for total, count in zip(valid, counts, strict=True)]
    names = (each.column for each in column.derived)
    return Verified(leak_list.lines, valid[0], tuple(zip(names, valid[1:], strict=True)))


def _tokens_query(connection: Connection, column: TokenColumn) -> statements.Statement:
    with connection.cursor() as cursor:
        token_type = column_type(cursor, column.table, column.column)
    if token_type is None:
        where = f"{column.table}.{column.column}"
        raise NotReadyError((f"There is no column {where} yet. Run: python manage.py migrate",))
    derived = [(each.column, each.expression) for each in column.derived]
    return valid_sql.counts(
        valid_sql.count_valid(column.table, column.column, token_type),
        *(
            valid_sql.count_valid_derived(column.table, column.column, token_type, name, expression)
            for name, expression in derived
        ),
    )


def _hashes_query(column: TokenColumn) -> statements.Statement:
    return valid_sql.counts(
        valid_sql.count_valid_hashes(column.table, column.column),
        *(
            valid_sql.count_out_of_step(column.table, column.column, each.column, each.expression)
            for each in column.derived
        ),
    )


def verify_list(
    columns: Sequence[TokenColumn],
    asked: ListOptions,
    say: Callable[[str], None],
    *,
    shape_differs: bool = False,
) -> bool:
    """Say for each column how many listed tokens still open something.

    Return True when none does, and no open transaction may commit one.

    Raises ListError, also if none does and the list may be of something else. ``shape_differs``
    says that its tokens look unlike the stored ones. Otherwise as ``verify``.
    """
    _refuse_hashed(columns, asked)
    with opened_tokens(columns, asked) as leak_list:
        _refuse_guessed(columns, asked, leak_list)
        found: dict[TokenColumn, Verified] = {}
        for column in columns:
            found[column] = _verified(leak_list, column)
        clear = [column for column, verified in found.items() if verified.none_valid]
        none_valid = len(clear) == len(found)
        doubted = doubts(
            clear,
            leak_list,
            count=partial(_valid_lines, leak_list),
            is_right=not none_valid,
            shape_differs=shape_differs,
        )
        for column, verified in found.items():
            if column not in doubted:
                for sentence in verified_as_sentences(column, leak_list, verified):
                    say(sentence)
    if none_valid and doubted:
        raise ListError(". ".join(doubted.values()))
    for doubt in doubted.values():
        say(f"{doubt}.")
    return none_valid and not any(verified.open_writers for verified in found.values())


def _verified(leak_list: LeakList, column: TokenColumn) -> Verified:
    with reading(column.database) as connection:
        require_one_table(connection.rows, column.table, column.database)
        target = target_at(column)
        open_writers = () if target is None else WritersWait(connection.rows, target).run()
        return replace(verify(connection, column, leak_list), open_writers=open_writers)


def _valid_lines(leak_list: LeakList, column: TokenColumn) -> int:
    return _verified(leak_list, column).valid_lines


def _refuse_hashed(columns: Sequence[TokenColumn], asked: ListOptions) -> None:
    """Raises ListError for a column where no token can be found, so that none proves nothing."""
    hashed = next((column for column in columns if column.holds_hashes), None)
    if hashed is not None and asked.of != "tokens":
        others = " ".join(column.label for column in columns if not column.holds_hashes)
        name = f", or name the other columns to look there alone: {others}" if others else ""
        raise ListError(
            f"{hashed.label} holds hashes, so that no listed token is found there. Nothing was "
            f"done. Try the tokens with --through{name}. If {asked.file} lists the values as they "
            "are stored, say --list-of tokens"
        )


def _refuse_guessed(
    columns: Sequence[TokenColumn], asked: ListOptions, leak_list: LeakList
) -> None:
    """Raises ListError where lines are SHA-256 by their look alone, and may be tokens.

    A column that no guard declares may hold a part of the token.
    """
    is_told = asked.of is not None or leak_list.has_header
    column = next((each for each in columns if not each.is_declared), None)
    if column is not None and leak_list.kind.name == HASHES and not is_told:
        raise ListError(
            f"{leak_list.name} may hold SHA-256 of tokens, or tokens that {column.label} cannot "
            "hold. Nothing was done. If it holds SHA-256, say --list-of hashes"
        )

"""Count of leaked or retired tokens that are still valid."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice

from token_rotation import wording
from token_rotation.errors import NotReadyError
from token_rotation.inspection.column_type import column_type
from token_rotation.options import ListOptions
from token_rotation.postgres import statements
from token_rotation.postgres.connection import Connection, reading
from token_rotation.postgres.copy_stream import CopyStream
from token_rotation.retired.kept import keeping_retired, retired_as_sentence, still_valid
from token_rotation.run.selected import only_one, opened_list
from token_rotation.selection.leak_list import LeakList
from token_rotation.selection.target import Target
from token_rotation.sql import lists as list_sql
from token_rotation.targets.lookup import LOCK_TIMEOUT_MS
from token_rotation.targets.resolve import HASHES, TOKENS

LINES_A_LOOK = 1_000_000


@dataclass(frozen=True, slots=True)
class Verified:
    """Number of listed tokens, and of those still valid.

    Of ``lines`` listed tokens, ``valid_lines`` open something. One listed twice counts twice.
    """

    lines: int
    valid_lines: int


def verify(connection: Connection, target: Target, leak_list: LeakList) -> Verified:
    """Look up every token of a list, or its SHA-256.

    Nothing is written but temporary data.

    Tokens are looked up in chunks, a short transaction each. A SHA-256 can only be found by reading
    the whole table, so these are looked up together. Raises NotReadyError where the token column
    does not exist.
    """
    is_hashed = leak_list.kind.name == "hashes"
    lines_a_look = leak_list.lines if is_hashed else LINES_A_LOOK
    values = (bytes.fromhex(v) if is_hashed else v.encode() for v in leak_list.values())
    query = list_sql.count_valid_hashes(target) if is_hashed else _count_valid(connection, target)
    settings = [statements.LIMIT_LOCK_WAIT, statements.WITHOUT_A_LIMIT, list_sql.ROOM_TO_JOIN]
    create = list_sql.create("bytea" if is_hashed else "text")
    valid = 0
    for _ in range(0, leak_list.lines, lines_a_look):
        bound = {"lock_timeout_ms": LOCK_TIMEOUT_MS}
        with connection.transaction(*settings, create, values=bound):
            connection.copy(list_sql.COPY, CopyStream(islice(values, lines_a_look)))
            connection.change(list_sql.ANALYZE)
            valid += int(connection.value(query))
    return Verified(leak_list.lines, valid)


def _count_valid(connection: Connection, target: Target) -> statements.Statement:
    with connection.cursor() as cursor:
        token_type = column_type(cursor, target.table, target.token_column)
    if token_type is None:
        where = f"{target.table}.{target.token_column}"
        raise NotReadyError((f"There is no column {where} yet. Run: python manage.py migrate",))
    return list_sql.count_valid(target, token_type)


def verify_list(targets: Sequence[Target], asked: ListOptions, say: Callable[[str], None]) -> bool:
    """Say how many listed tokens still open something.

    Return True when none does.

    Raises ListError for a list and several targets; otherwise as ``verify``.
    """
    target = only_one(targets)
    with opened_list(target, asked, TOKENS, HASHES) as leak_list:
        with reading(target.database) as connection:
            verified = verify(connection, target, leak_list)
        say(verified_as_sentence(target, leak_list, verified))
    return verified.valid_lines == 0


def verify_retired(targets: Sequence[Target], say: Callable[[str], None]) -> bool:
    """Say how many rows have a retired token.

    Return True when none does.

    Raises RotationError where no target keeps retired tokens.
    """
    none_valid = True
    for target in keeping_retired(targets):
        with reading(target.database) as connection:
            rows = still_valid(connection, target)
        say(retired_as_sentence(target, rows))
        none_valid = rows == 0 and none_valid
    return none_valid


def verified_as_sentence(target: Target, leak_list: LeakList, verified: Verified) -> str:
    """Say how many listed tokens still open something."""
    one, several = "token", "tokens"
    if leak_list.kind.name != "tokens":
        one, several = "SHA-256 of a token", "SHA-256 of tokens"
    of_what = wording.things(verified.lines, one, several)
    listed = f"{target.label}: {leak_list.name} lists {of_what}"
    if not verified.valid_lines:
        return f"{listed}; none of them opens anything."
    verb = "opens" if verified.valid_lines == 1 else "open"
    return f"{listed}; {verified.valid_lines:,} of them still {verb} something."

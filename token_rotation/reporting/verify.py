"""How many tokens of a list are still valid."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

from tickets.rotation import catalogue_sql, list_sql, sql
from tickets.rotation.connection import Connection
from tickets.rotation.copy_stream import CopyStream
from tickets.rotation.errors import NotReadyError
from tickets.rotation.leak_list import LeakList
from tickets.rotation.listed import LOCK_TIMEOUT_MS
from tickets.rotation.target import Target

LINES_A_LOOK = 1_000_000


@dataclass(frozen=True, slots=True)
class Verified:
    """Of ``lines`` listed tokens ``valid_lines`` open something. One listed twice counts twice."""

    lines: int
    valid_lines: int


def verify(connection: Connection, target: Target, leak_list: LeakList) -> Verified:
    """Look every token of a list up, or its SHA-256. Nothing is written but temporary data.

    Tokens are looked up in chunks, a short transaction each. A SHA-256 can only be found by
    reading the whole table, so these are looked up together. Raises NotReadyError where there is no
    such column.
    """
    is_hashed = leak_list.kind.name == "hashes"
    lines_a_look = leak_list.lines if is_hashed else LINES_A_LOOK
    values = (bytes.fromhex(v) if is_hashed else v.encode() for v in leak_list.values())
    query = list_sql.count_valid_hashes(target) if is_hashed else _count_valid(connection, target)
    settings = [sql.LIMIT_LOCK_WAIT, sql.WITHOUT_A_LIMIT, list_sql.ROOM_TO_JOIN]
    create = list_sql.create("bytea" if is_hashed else "text")
    valid = 0
    for _ in range(0, leak_list.lines, lines_a_look):
        bound = {"lock_timeout_ms": LOCK_TIMEOUT_MS}
        with connection.transaction(*settings, create, values=bound):
            connection.copy(list_sql.COPY, CopyStream(islice(values, lines_a_look)))
            connection.change(list_sql.ANALYZE)
            valid += int(connection.value(query))
    return Verified(leak_list.lines, valid)


def _count_valid(connection: Connection, target: Target) -> sql.Statement:
    column = {"table": target.table, "column": target.token_column}
    token_type = connection.value(catalogue_sql.column_type(), column)
    if token_type is None:
        where = f"{target.table}.{target.token_column}"
        raise NotReadyError((f"There is no column {where} yet. Run: python manage.py migrate",))
    return list_sql.count_valid(target, str(token_type))

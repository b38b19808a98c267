"""The list in a temporary table, for one transaction."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from token_rotation.postgres import statements
from token_rotation.postgres.connection import Connection
from token_rotation.postgres.copy_stream import CopyStream
from token_rotation.selection.leak_list import LeakList
from token_rotation.sql.lists import copies as copies_sql
from token_rotation.sql.lists import listed_rows as list_sql
from token_rotation.targets import lookup
from token_rotation.verification.everywhere.shape import Shape


@contextmanager
def loaded(connection: Connection, leak_list: LeakList, shape: Shape) -> Iterator[None]:
    """Hold the list in a temporary table while inside, in one transaction with one snapshot."""
    settings = (
        *(copies_sql.SETTINGS, statements.LIMIT_LOCK_WAIT, statements.WITHOUT_A_LIMIT),
        *(list_sql.ROOM_TO_JOIN, copies_sql.create(shape.wanted)),
    )
    bound = {"lock_timeout_ms": lookup.LOCK_TIMEOUT_MS}
    with connection.transaction(*settings, values=bound):
        forms = (form for token in leak_list.values() for form in shape.spellings(token))
        connection.copy(list_sql.COPY, CopyStream(forms))
        connection.change(list_sql.ANALYZE)
        yield

"""Statements as text, and in one message."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from psycopg import ClientCursor, Error
from psycopg.client_cursor import ClientCursorMixin
from psycopg.sql import Composable

from token_rotation.postgres.driver.psycopg3.adapters import OWN_ADAPTERS
from token_rotation.postgres.driver.psycopg3.errors import note_session

_COPY_BYTES = 8192


def text_of(query: Composable, cursor: Any) -> str:
    """Return a statement as text, its values still named."""
    context: Any = SimpleNamespace(adapters=OWN_ADAPTERS, connection=cursor.connection)
    return str(query.as_string(context))


def bound_text(raw: Any, query: Composable, values: Any) -> str:
    """Return a statement with its values, as it is sent."""
    with raw.cursor() as cursor:
        return str(cursor.mogrify(query, values))


def in_one_message(cursor: Any, before: str, query: str, values: Any) -> tuple[str, Any]:
    """Return the statement and values that send ``before`` and ``query`` together."""
    if values is not None and not isinstance(cursor, ClientCursorMixin):
        # The server puts the values in, and takes one statement at a time then.
        query, values = ClientCursor(cursor.connection).mogrify(query, values), None
    return f"{before}{query}", values


def show_last_answer(cursor: Any) -> None:
    """Let a cursor show the answer of the last statement of a message."""
    while cursor.nextset():
        pass


def copy_from(cursor: Any, query: Composable, source: Any) -> None:
    """Send a COPY and the data of a file."""
    try:
        with cursor.copy(query) as copy:
            while data := source.read(_COPY_BYTES):
                copy.write(data)
    except Error as error:
        note_session(error, cursor.connection)
        raise

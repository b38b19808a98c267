"""Statements as text, and in one message."""

from __future__ import annotations

from typing import Any

from psycopg2.sql import Composable


def text_of(query: Composable, cursor: Any) -> str:
    """Return a statement as text, its values still named."""
    return query.as_string(cursor)


def bound_text(raw: Any, query: Composable, values: Any) -> str:
    """Return a statement with its values, as it is sent."""
    with raw.cursor() as cursor:
        return str(cursor.mogrify(query, values).decode())


def in_one_message(cursor: Any, before: str, query: str, values: Any) -> tuple[str, Any]:  # noqa: ARG001
    """Return the statement and values that send ``before`` and ``query`` together."""
    return f"{before}{query}", values


def show_last_answer(cursor: Any) -> None:
    """Let a cursor show the answer of the last statement of a message. psycopg 2 does."""


def copy_from(cursor: Any, query: Composable, source: Any) -> None:
    """Send a COPY and the data of a file."""
    cursor.copy_expert(query, source)

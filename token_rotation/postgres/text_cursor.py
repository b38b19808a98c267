"""Django's cursor for statements that are put together safely.

Django hands a statement to the execute wrappers that projects install, and many of them append a
comment: they expect text.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from token_rotation.postgres import driver
from token_rotation.postgres.driver import sql


class _TextCursor:
    """Django's cursor, which hears every statement as text."""

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor

    def execute(self, query: sql.Composable | str, values: Any = None) -> None:
        text = query if isinstance(query, str) else driver.text_of(query, self._cursor.cursor)
        text, values = driver.in_one_message(self._cursor.cursor, "", text, values)
        self._cursor.execute(text, values)
        driver.show_last_answer(self._cursor.cursor)

    def copy(self, query: sql.Composable, source: Any) -> None:
        """Send a COPY and the data of a file. Its errors are the driver's: Django wraps none."""
        driver.copy_from(self._cursor.cursor, query, source)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._cursor)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cursor, name)


@contextmanager
def django_cursor(connection: BaseDatabaseWrapper) -> Iterator[Any]:
    """A cursor of this connection that takes statements of the driver and text."""
    with connection.cursor() as cursor:
        yield _TextCursor(cursor)

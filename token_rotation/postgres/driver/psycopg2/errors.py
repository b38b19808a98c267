"""What the driver's errors carry."""

from __future__ import annotations

from typing import Any

from psycopg2 import Error

SQLSTATE_NAME = "pgcode"
"""The attribute of an error that holds its SQLSTATE."""


def sqlstate_of(error: BaseException | None) -> str | None:
    """Return the SQLSTATE of an error of the driver, None for any other.

    An error that the server did not send has none either, such as a lost connection.
    """
    return error.pgcode if isinstance(error, Error) else None


def session_of(error: Error) -> Any:
    """Return the connection whose statement failed, None where none could be opened."""
    return None if error.cursor is None else error.cursor.connection

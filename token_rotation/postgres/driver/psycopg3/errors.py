"""What the driver's errors carry."""

from __future__ import annotations

from typing import Any

from psycopg import Error

SQLSTATE_NAME = "sqlstate"
"""The attribute of an error that holds its SQLSTATE."""

_SESSION = "token_rotation_session"


def sqlstate_of(error: BaseException | None) -> str | None:
    """Return the SQLSTATE of an error of the driver, None for any other.

    An error that the server did not send has none either, such as a lost connection.
    """
    return error.sqlstate if isinstance(error, Error) else None


def session_of(error: Error) -> Any:
    """Return the connection whose statement failed, None where none could be opened.

    None, too, where the connection is not one of this package's own.
    """
    return getattr(error, _SESSION, None)


def note_session(error: Error, raw: Any) -> None:
    """Let ``session_of`` find the connection whose statement failed."""
    setattr(error, _SESSION, raw)

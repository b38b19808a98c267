"""What the driver's errors carry."""

from __future__ import annotations

from typing import Any

from psycopg import Error, InterfaceError, OperationalError

SQLSTATE_NAME = "sqlstate"
"""The attribute of an error that holds its SQLSTATE."""

_SESSION = "token_rotation_session"


def sqlstate_of(error: BaseException | None) -> str | None:
    """Return the SQLSTATE of an error of the driver, None for any other.

    An error that the server did not send has none either, such as a lost connection. Nor has one
    with which the server ended the session: nobody knows what became of a COMMIT in flight.
    """
    if not isinstance(error, Error) or _has_ended_the_session(error):
        return None
    sqlstate: str | None = error.sqlstate
    return sqlstate


def session_of(error: Error) -> Any:
    """Return the connection whose statement failed, None where none could be opened.

    None, too, where the connection is neither hooked nor one of this package's own.
    """
    return getattr(error, _SESSION, None)


def note_session(error: Error, raw: Any) -> None:
    """Let ``session_of`` find the connection whose statement failed.

    It is closed where the server has ended the session: libpq may not have noticed yet.
    """
    setattr(error, _SESSION, raw)
    if _has_ended_the_session(error):
        raw.pgconn.finish()


def is_lost(error: Error) -> bool:
    """Return True where the server did not answer, or answered that it ends the session."""
    return isinstance(error, OperationalError | InterfaceError) and sqlstate_of(error) is None


def _has_ended_the_session(error: Error) -> bool:
    return error.diag.severity_nonlocalized in ("FATAL", "PANIC")

"""The meaning of a database error for an import."""

from __future__ import annotations

from typing import Any

from django.db import DatabaseError, InterfaceError

from tickets.importing.chunk import LeftOutError, lost_a_race
from token_rotation.postgres import (
    Fault,
    SilentServerError,
    StillAliveError,
    fault_of,
    first_of,
    is_lost,
    is_met_by_function,
    is_raised,
    is_read_only,
    is_session_lost,
    reason_of,
    sqlstate_of,
    what_ends_sessions,
)

DATABASE_ERRORS = (DatabaseError, InterfaceError)

# Of SQLSTATE. Data, constraints, views, limits of one row, and what PL/pgSQL raises.
_CODES_OF_ROWS = {"22", "23", "44", "54", "P0"}
# A trigger may raise any SQLSTATE; these mostly say the same wherever they come from.
_CODES_OF_THE_SERVER = {"08", "25", "40", "53", "55", "57", "58", "XX"}
# What a trigger meets, and no row of the statement is to blame for.
_FAULTS_OF_THE_SERVER = {Fault.LOCKED, Fault.RESOURCES, Fault.CONNECTION}


class SessionLostError(DatabaseError):
    """The server, or somebody's code on it, ended the session in which rows were imported.

    ``seconds`` is how long it was at work on them.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__("the session was lost")
        self.seconds = seconds


def concerns_rows(error: DatabaseError) -> bool:
    """Return True if the statement may succeed without one of its rows.

    A constraint, a trigger or a conversion refused a row, at the statement or at COMMIT.
    """
    if isinstance(error, LeftOutError):
        return True
    sqlstate = sqlstate_of(error)
    if lost_a_race(error) or sqlstate is None:
        return False
    kind = sqlstate[:2]
    is_of_row = kind not in _CODES_OF_THE_SERVER or fault_of(error) is Fault.REFUSED_ROW
    diagnostics: Any = getattr(error.__cause__, "diag", None)
    return kind in _CODES_OF_ROWS or (bool(diagnostics.context) and is_of_row)


def may_concern_rows(error: DatabaseError) -> bool:
    """Return True if it may be one row for which the statement failed, whatever the error says.

    A trigger met the error, the statement took too long, or the session was lost at it. Locks and a
    full disk are the server's, unless a trigger raised that.
    """
    if concerns_rows(error) or isinstance(error, SessionLostError):
        return True
    fault = fault_of(error)
    if fault is Fault.TIMED_OUT or is_raised(error):
        return True
    return (
        is_met_by_function(error) and fault not in _FAULTS_OF_THE_SERVER and not lost_a_race(error)
    )


def lost_its_session(error: Exception, *, is_committing: bool) -> bool:
    """Return True where the session that was there is lost, at a statement or at its COMMIT.

    False where this program gave it up, since the server was silent, and where Django could not
    open another one.
    """
    if first_of(error) is not error or isinstance(error.__cause__, SilentServerError):
        return False
    return is_session_lost(error) or (is_committing and fault_of(error) is Fault.CONNECTION)


def reason_for(error: DatabaseError, database: str, *, tries: int) -> str:
    """Return why a row that was tried alone is not imported, in one line without values.

    Of a lost session so many times; the limits that end sessions are asked for and named.
    """
    if isinstance(error.__cause__, StillAliveError):
        return f"its statement did not end in {error.__cause__.seconds:g} s"
    if isinstance(error, SessionLostError):
        limits = what_ends_sessions(database, error.seconds)
        reason = reason_of(error) if limits is None else limits.reason
        return f"{tries} connections were lost at it ({reason})"
    return reason_of(error)


def refusal_of(error: Exception) -> str:
    """Return what the database refused, and what helps, without a full stop."""
    if is_lost(error):
        return reason_of(first_of(error))
    reason = f"the database refused: {reason_of(error)}"
    if is_read_only(error):
        return f"{reason}. The server is read-only: import on the primary"
    if isinstance(error.__cause__, StillAliveError):
        return f"a statement did not end in {error.__cause__.seconds:g} s"
    if sqlstate_of(error) == "42501":
        return f"{reason}. Import as a role that may write these tables"
    return reason

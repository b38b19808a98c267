"""The meaning of a database error for an import."""

from __future__ import annotations

import psycopg2
from django.db import DatabaseError, InterfaceError

from tickets.importing.chunk import LeftOutError, lost_a_race
from token_rotation.postgres import Fault, fault_of, first_of, is_lost, is_read_only, reason_of

DATABASE_ERRORS = (DatabaseError, InterfaceError)

# Of SQLSTATE. Data, constraints, views, limits of one row, and what PL/pgSQL raises.
_OF_ROWS = {"22", "23", "44", "54", "P0"}
# A trigger may raise any SQLSTATE; these mostly say the same wherever they come from.
_OF_THE_SERVER = {"08", "25", "40", "53", "55", "57", "58", "XX"}


def concerns_rows(error: DatabaseError) -> bool:
    """Return True if the statement may succeed without one of its rows.

    A constraint, a trigger or a conversion refused a row, at the statement or at COMMIT.
    """
    if isinstance(error, LeftOutError):
        return True
    cause = error.__cause__
    if lost_a_race(error) or not isinstance(cause, psycopg2.Error) or cause.pgcode is None:
        return False
    kind = cause.pgcode[:2]
    is_raised = kind not in _OF_THE_SERVER or fault_of(error) is Fault.REFUSED_ROW
    return kind in _OF_ROWS or (bool(cause.diag.context) and is_raised)


def refusal_of(error: Exception) -> str:
    """Return what the database refused, and what helps, without a full stop."""
    if is_lost(error):
        return reason_of(first_of(error))
    reason = f"the database refused: {reason_of(error)}"
    if is_read_only(error):
        return f"{reason}. The server is read-only: import on the primary"
    if getattr(error.__cause__, "pgcode", None) == "42501":
        return f"{reason}. Import as a role that may write these tables"
    return reason

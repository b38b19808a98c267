"""The meaning of database errors, in safe words.

It says what an error means, and what may be said about it.
"""

from __future__ import annotations

import re

from django.db import DatabaseError, InterfaceError

from token_rotation.postgres import driver
from token_rotation.postgres.faults.sqlstate import Fault, classify

_MESSAGE_QUOTES_NO_DATA = {"08", "0A", "25", "28", "42", "53", "55", "57", "58"}
"""Classes of SQLSTATE: the first two characters."""

_NAME = r'(?:"[^"\n]+"|[\w$]+)'
_FUNCTION = re.compile(
    rf"^PL/pgSQL function ({_NAME}(?:\.{_NAME})?)\([^()]*\) line (\d+) ", re.MULTILINE
)
"""A line of an error's context. Other lines may quote statements, and so data."""

_OF_A_FUNCTION = "PL/pgSQL"
"""What the context says of a function's error, whatever ``lc_messages`` is."""

_RAISED_BY = {"exec_stmt_raise", "PLy_output", "PLy_elog_impl"}
"""Functions of PL/pgSQL and PL/Python. An error of theirs may call any text a constraint."""

READ_ONLY = "25006"
"""SQLSTATE of a write on a standby, or where every transaction is read-only."""


def sqlstate_of(error: Exception) -> str | None:
    """Return the SQLSTATE of a driver error, or of one that Django has wrapped.

    None where the server sent no error, as for a lost connection.
    """
    return driver.sqlstate_of(_driver_error(error))


def fault_of(error: Exception) -> Fault:
    """Return the fault that a driver error stands for.

    Also takes an error that Django has wrapped.

    An error that did not come from the driver is FATAL. One that no code tells, and that a function
    or a trigger met, is about the row that it was called for.
    """
    cause = _driver_error(error)
    if cause is None:
        return Fault.FATAL
    sqlstate = driver.sqlstate_of(cause)
    if sqlstate == READ_ONLY and not is_read_only(cause):
        return Fault.REFUSED_ROW
    fault = classify(sqlstate)
    return Fault.REFUSED_ROW if fault is Fault.FATAL and cause.diag.context else fault


def is_met_by_function(error: Exception) -> bool:
    """Return True where a PL/pgSQL function met the error: a trigger, for one row."""
    cause = _driver_error(error)
    return cause is not None and _OF_A_FUNCTION in (cause.diag.context or "")


def is_raised(error: Exception) -> bool:
    """Return True where a function raised the error: it may do so under any SQLSTATE."""
    cause = _driver_error(error)
    return cause is not None and cause.diag.source_function in _RAISED_BY


def is_lost(error: Exception) -> bool:
    """Return True if the connection is lost: nobody knows what became of a COMMIT in flight.

    Takes the driver's error or one that Django has wrapped.
    """
    cause = _driver_error(error)
    return cause is not None and driver.sqlstate_of(cause) is None


def is_read_only(error: Exception) -> bool:
    """Return True where the server or the transaction takes no writes.

    False where a function has raised that SQLSTATE. Takes the driver's error or one that Django has
    wrapped.
    """
    cause = _driver_error(error)
    return driver.sqlstate_of(cause) == READ_ONLY and cause is not None and not is_raised(cause)


def is_session_lost(error: Exception) -> bool:
    """Return True where a statement lost the session that it had.

    False where no session could be opened, and where this package dropped it. Ask before the
    session is closed.
    """
    cause = _driver_error(error)
    session = None if cause is None else driver.session_of(cause)
    return session is not None and bool(session.closed)


def first_of(error: Exception) -> Exception:
    """Return the database error with which others began.

    Where a connection is lost in a transaction, Django opens another, and that may fail, too.
    """
    found, earlier = error, error.__context__
    while earlier is not None:
        if isinstance(earlier, DatabaseError | InterfaceError):
            found = earlier
        earlier = earlier.__context__
    return found


def reason_of(error: Exception) -> str:
    """Return one line about a database error, without row values and without a full stop.

    Takes the driver's error or one that Django has wrapped. Any other error is quoted.
    """
    cause = _driver_error(error)
    return (str(error) if cause is None else _without_values(cause)).rstrip(".?! ")


def _driver_error(error: Exception) -> driver.Error | None:
    if isinstance(error, driver.Error):
        return error
    return error.__cause__ if isinstance(error.__cause__, driver.Error) else None


def _without_values(error: driver.Error) -> str:
    """Return the condition, the objects, and perhaps the message.

    It is the condition's name, the objects involved, and the function that met it. The message is
    left out where it can quote data.

    PostgreSQL puts values into DETAIL ("Key (token)=(...) already exists") and, for data errors,
    into the message itself. A function may raise any text under any SQLSTATE, and as any name; its
    errors have a context.
    """
    sqlstate = driver.sqlstate_of(error)
    if sqlstate is None:
        lines = (line.strip() for line in str(error).splitlines())
        # libpq asks whether the server is running, in a line of its own. A sentence goes on here.
        said = " ".join(line for line in lines if not line.endswith("?"))
        return " ".join(said.split()) or type(error).__name__
    if is_read_only(error):
        return f"this server is a standby or allows only reading ({READ_ONLY})"
    parts = [f"{type(error).__name__} ({sqlstate})"]
    if not error.diag.context and sqlstate[:2] in _MESSAGE_QUOTES_NO_DATA:
        parts.append(error.diag.message_primary or "")
    for kind in ("constraint_name", "column_name", "table_name"):
        name = getattr(error.diag, kind)
        if name and not is_raised(error):
            parts.append(f"{kind.removesuffix('_name')} {name}")
    if function := _FUNCTION.search(error.diag.context or ""):
        parts.append(f"function {function[1]} line {function[2]}")
    return ": ".join([parts[0], ", ".join(filter(None, parts[1:]))]).removesuffix(": ")

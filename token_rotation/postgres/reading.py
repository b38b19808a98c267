"""Connections for a few look-ups, and what is said when one is refused."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from django.db import OperationalError

from token_rotation.errors import DatabaseGoneError, StatementError
from token_rotation.events import Observer
from token_rotation.postgres import driver, row_security
from token_rotation.postgres.connection import Connection
from token_rotation.postgres.faults.failures import fault_of, is_read_only, reason_of
from token_rotation.postgres.faults.session_timeouts import why_lost
from token_rotation.postgres.faults.sqlstate import Fault
from token_rotation.postgres.faults.table_locks import locked_by
from token_rotation.postgres.look_connection import LOCKED_AT_MOST_SECONDS, LookConnection
from token_rotation.stop import StopSignal

NOT_ALLOWED = "42501"
"""SQLSTATE of a missing right, and of row security that would hide rows."""


def refusal(connection: Connection, error: driver.Error) -> str:
    """Return one line about a statement that PostgreSQL refused.

    It names the role where a right is missing, the policies where row security hides rows, and who
    locks which table where the statement waited for a lock.
    """
    if fault_of(error) is Fault.LOCKED:
        return (
            f"others keep a table locked ({reason_of(error)}{locked_by(connection)}). This look "
            "changed nothing: run the command again when the lock is gone"
        )
    refused = f"PostgreSQL refused the statement: {reason_of(error)}"
    if driver.sqlstate_of(error) != NOT_ALLOWED:
        return refused
    with suppress(driver.Error):
        said = error.diag.message_primary or ""
        for role, table, policies in connection.rows(row_security.HIDDEN_FROM_THIS_ROLE):
            if table in said:
                return row_security.sentence(role, table, policies)
        role = connection.value(row_security.ROLE)
        return f"PostgreSQL refused the statement to the role {role}: {reason_of(error)}"
    return refused


@contextmanager
def reading(
    alias: str,
    *,
    connect_seconds: int | None = None,
    locked_seconds: float = LOCKED_AT_MOST_SECONDS,
    stop: StopSignal | None = None,
    observe: Observer = lambda _: None,
) -> Iterator[Connection]:
    """Open a connection for a few look-ups, without retry but of those that wait for locks.

    ``locked_seconds`` and ``stop`` as for ``LookConnection``. It closes at the end. ``observe``
    hears what a statement without an answer waits for.

    Raises DatabaseGoneError or StatementError in place of the driver's errors.
    """
    connection = LookConnection(
        alias,
        connect_seconds=connect_seconds,
        locked_seconds=locked_seconds,
        stop=stop,
        observe=observe,
    )
    began_at = time.monotonic()
    try:
        yield connection
    except driver.Error as error:
        if is_read_only(error):
            raise StatementError(
                f"{reason_of(error)}, so that not even a temporary table can be written. Nothing "
                "was changed. Run the same command on the primary"
            ) from None
        if fault_of(error) is Fault.CONNECTION:
            loss = why_lost(connection, error, time.monotonic() - began_at)
            gone = f"cannot reach the database: {reason_of(error)}"
            raise DatabaseGoneError(gone if loss is None else loss.reason) from None
        raise StatementError(refusal(connection, error)) from None
    finally:
        connection.close()


def is_reachable(alias: str, *, connect_seconds: int) -> bool:
    """Return True where the server takes a connection now."""
    probe = Connection(alias, connect_seconds=connect_seconds)
    try:
        probe.open()
    except (driver.Error, OperationalError):
        return False
    finally:
        probe.close()
    return True

"""Take a lock in short attempts.

Traffic behind it waits no longer than one attempt.
"""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar

from django.core.management.base import CommandError
from django.db import OperationalError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from token_rotation.postgres.backoff import Backoff
from token_rotation.postgres.ddl_locks import holders, sql
from token_rotation.postgres.ddl_locks.settings import lock_timeout_ms, retry_seconds
from token_rotation.postgres.faults.failures import fault_of
from token_rotation.postgres.faults.sqlstate import Fault
from token_rotation.postgres.text_cursor import django_cursor

LONGEST_PAUSE_SECONDS = 2.0
SECONDS_BETWEEN_NOTICES = 3.0

_attempting: ContextVar[bool] = ContextVar("attempting", default=False)


class LockNotGrantedError(CommandError):
    """Others locked the table for the whole retry time.

    That is the time that a migration may try.
    """


def politely(
    editor: BaseDatabaseSchemaEditor, tables: Sequence[str], change: Callable[[], None]
) -> None:
    """Run ``change`` in attempts with a short lock_timeout.

    ``change`` locks ``tables``.

    Each attempt is a transaction, or a savepoint in an atomic migration. It leaves nothing behind
    when it gets no lock. SQL that ``change`` defers runs with it. Where this is called in an
    attempt already, it is part of that one: a table that is locked should not be waited with.

    Raises ``LockNotGrantedError`` after ``TOKEN_ROTATION_DDL_RETRY_SECONDS``, any other error at
    once.
    """
    if editor.collect_sql or editor.connection.vendor != "postgresql" or is_attempting():
        change()
        return
    started = time.monotonic()
    backoff = Backoff(retry_seconds(), longest_seconds=LONGEST_PAUSE_SECONDS)
    notices = Notices()
    attempts = 0
    while not _attempt(editor, change):
        attempts += 1
        tried_seconds = time.monotonic() - started
        wait_seconds = backoff.next_wait(attempts, tried_seconds)
        if wait_seconds is None:
            raise LockNotGrantedError(_gave_up(editor.connection, tables, attempts))
        if notices.due():
            notices.show(
                f"{_named(tables)}: waiting for a lock since {tried_seconds:.0f} s,"
                f" traffic goes on; held by {holders.who_holds(editor.connection, tables)}"
            )
        time.sleep(wait_seconds)


def is_attempting() -> bool:
    """Return True within an attempt of this thread."""
    return _attempting.get()


class Notices:
    """Lines on stderr while ``migrate`` waits.

    One every few seconds, for the person who watches.
    """

    def __init__(self) -> None:
        self._last = time.monotonic()
        self._first = True

    def due(self) -> bool:
        """Return True when the last line is long enough ago.

        False in the first seconds.
        """
        return time.monotonic() - self._last >= SECONDS_BETWEEN_NOTICES

    def show(self, line: str) -> None:
        """Write the line; where stderr is closed or full, the migration goes on without."""
        with suppress(OSError, AttributeError):
            # migrate has left its "Applying ..." line open.
            line_break = "\n" if self._first and sys.stderr.isatty() else ""
            sys.stderr.write(f"{line_break}{line}\n")
            sys.stderr.flush()
        self._first = False
        self._last = time.monotonic()


def _attempt(editor: BaseDatabaseSchemaEditor, change: Callable[[], None]) -> bool:
    """Make the change; return True when the lock was granted."""
    deferred_before = len(editor.deferred_sql)
    outside = _attempting.set(True)
    try:
        with transaction.atomic(using=editor.connection.alias), _lock_timeout(editor.connection):
            change()
            for statement in editor.deferred_sql[deferred_before:]:
                editor.execute(statement, None)
    except OperationalError as error:
        if fault_of(error) is not Fault.LOCKED:
            raise
        return False
    finally:
        _attempting.reset(outside)
        del editor.deferred_sql[deferred_before:]
    return True


@contextmanager
def _lock_timeout(connection: BaseDatabaseWrapper) -> Iterator[None]:
    with django_cursor(connection) as cursor:
        cursor.execute(sql.read_timeout("lock_timeout"))
        (before,) = cursor.fetchone()
        cursor.execute(sql.set_timeout("lock_timeout", f"{lock_timeout_ms()}ms", local=True))
        yield
        # Released savepoints keep SET LOCAL: without this the rest of the migration would inherit
        # the short timeout, and not the retries. A failed attempt's rollback restores it too.
        cursor.execute(sql.set_timeout("lock_timeout", before, local=True))


def _named(tables: Sequence[str]) -> str:
    return " and ".join(tables)


def _gave_up(connection: BaseDatabaseWrapper, tables: Sequence[str], attempts: int) -> str:
    return (
        f"{_named(tables)}: no lock in {retry_seconds():g} s, {attempts} attempts of"
        f" {lock_timeout_ms()} ms; held by {holders.who_holds(connection, tables)}. This step"
        " changed nothing, and the application goes on as before. End what holds the table, then"
        " run migrate again."
    )

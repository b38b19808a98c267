"""The sessions that a migration waits for.

It gives what a person needs to end the wait, and no query text.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.backends.base.base import BaseDatabaseWrapper

from token_rotation.postgres.ddl_locks import sql
from token_rotation.postgres.driver import Composed
from token_rotation.postgres.text_cursor import django_cursor


@dataclass(frozen=True)
class LockHolder:
    """A session in the way.

    ``pid`` is None for a prepared transaction.
    """

    pid: int | None
    state: str | None
    age_seconds: float | None

    def __str__(self) -> str:
        if self.pid is None:
            return "a prepared transaction (see pg_prepared_xacts)"
        age = "" if self.age_seconds is None else f" for {self.age_seconds:.0f} s"
        return f"pid {self.pid} ({self.state or 'state hidden'}, in transaction{age})"


def table_lock_holders(connection: BaseDatabaseWrapper, tables: Sequence[str]) -> list[LockHolder]:
    """Return up to 5 sessions that lock one table.

    The oldest transaction comes first. The lock is on any of the tables.
    """
    return _look(connection, sql.table_lock_holders(tables))


def who_holds(connection: BaseDatabaseWrapper, tables: Sequence[str]) -> str:
    """Return the sessions of ``table_lock_holders`` in one line."""
    return in_words(table_lock_holders(connection, tables))


def blockers(connection: BaseDatabaseWrapper, pid: int) -> list[LockHolder]:
    """Return up to 5 sessions that ``pid`` waits for now.

    ``pid`` is a backend's.
    """
    return _look(connection, sql.blockers(pid))


def in_words(holders: Iterable[LockHolder]) -> str:
    """Return the holders in one line.

    They may have gone by the time one looks.
    """
    return ", ".join(map(str, holders)) or "short transactions, none of them there now"


def _look(connection: BaseDatabaseWrapper, query: Composed) -> list[LockHolder]:
    with django_cursor(connection) as cursor:
        cursor.execute(sql.forget_activity())
        cursor.execute(query)
        return [LockHolder(*row) for row in cursor.fetchall()]

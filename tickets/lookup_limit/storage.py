"""Counts in Django's database, for the library ``limits``: ``database://``.

All worker processes on all machines share them, and nothing else has to be installed.
"""

from __future__ import annotations

import time
from typing import Any

from django.db import DatabaseError, InterfaceError, connections, router
from limits.storage import Storage

from tickets.lookup_limit.models import FailureCount
from tickets.lookup_limit.sql import COUNT, DELETE_EXPIRED, READ


class DatabaseStorage(Storage):
    """Counts in fixed windows.

    Each client has one row, until its window is over.
    """

    STORAGE_SCHEME = ["database"]  # noqa: RUF012  (the base class types it so)

    def __init__(self, uri: str | None = None, **options: Any) -> None:
        super().__init__(uri, **options)
        self._delete_expired_at = 0.0

    @property
    def base_exceptions(self) -> tuple[type[Exception], ...]:
        return (DatabaseError, InterfaceError)

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Add to a count and return it.

        A new window lasts ``expiry`` seconds.
        """
        (failures,) = self._row(COUNT, key=key, amount=amount, seconds=expiry) or (0,)
        if time.monotonic() >= self._delete_expired_at:
            self._delete_expired_at = time.monotonic() + expiry
            with connections[self._database()].cursor() as cursor:
                cursor.execute(DELETE_EXPIRED)
        return int(failures)

    def get(self, key: str) -> int:
        """Return the count, or 0."""
        return int((self._row(READ, key=key) or (0, 0))[0])

    def get_expiry(self, key: str) -> float:
        """Return when the window ends, in seconds since 1970.

        Without a window, return the time now.
        """
        return float((self._row(READ, key=key) or (0, time.time()))[1])

    def check(self) -> bool:
        """Return True if counts can be read."""
        try:
            self._row(READ, key="")
        except self.base_exceptions:
            return False
        return True

    def reset(self) -> int:
        """Delete every count; return how many there were."""
        return FailureCount.objects.using(self._database()).all().delete()[0]

    def clear(self, key: str) -> None:
        """Delete one count."""
        FailureCount.objects.using(self._database()).filter(key=key).delete()

    def _row(self, statement: str, **values: Any) -> tuple[Any, ...] | None:
        with connections[self._database()].cursor() as cursor:
            cursor.execute(statement, values)
            row: tuple[Any, ...] | None = cursor.fetchone()
            return row

    def _database(self) -> str:
        return router.db_for_write(FailureCount)

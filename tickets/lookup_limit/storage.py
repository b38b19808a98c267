"""Counts in Django's database, for the library ``limits``: ``database://``.

Every worker process of every machine shares them, and nothing needs to be installed for it. What
counts is the database's clock.
"""

from __future__ import annotations

import time
from typing import Any

from django.db import DatabaseError, InterfaceError, connections, router
from limits.storage import Storage

from tickets.lookup_limit.models import FailureCount

# One statement, so that of two workers that count at once each counts.
COUNT = """
INSERT INTO lookup_limit_failurecount AS counted (key, failures, expires_at)
VALUES (%(key)s, %(amount)s, statement_timestamp() + %(seconds)s * interval '1 second')
ON CONFLICT (key) DO UPDATE SET
    failures = excluded.failures
        + CASE WHEN counted.expires_at > statement_timestamp() THEN counted.failures ELSE 0 END,
    expires_at = CASE WHEN counted.expires_at > statement_timestamp()
        THEN counted.expires_at ELSE excluded.expires_at END
RETURNING failures
"""

READ = """
SELECT failures, extract(epoch FROM expires_at)::float8 FROM lookup_limit_failurecount
WHERE key = %(key)s AND expires_at > statement_timestamp()
"""

# Rows that another worker counts or sweeps at this moment are left alone.
SWEEP = """
DELETE FROM lookup_limit_failurecount WHERE key IN (
    SELECT key FROM lookup_limit_failurecount WHERE expires_at <= statement_timestamp()
    LIMIT 10000 FOR UPDATE SKIP LOCKED)
"""


class DatabaseStorage(Storage):
    """The storage of fixed windows: a row a client, until its window is over."""

    STORAGE_SCHEME = ["database"]  # noqa: RUF012  (the base class types it so)

    def __init__(self, uri: str | None = None, **options: Any) -> None:
        super().__init__(uri, **options)
        self._sweep_at = 0.0

    @property
    def base_exceptions(self) -> tuple[type[Exception], ...]:
        return (DatabaseError, InterfaceError)

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Add to a count; what it is now. ``expiry``: seconds that a new window lasts."""
        (failures,) = self._row(COUNT, key=key, amount=amount, seconds=expiry) or (0,)
        if time.monotonic() >= self._sweep_at:
            self._sweep_at = time.monotonic() + expiry
            with connections[self._database()].cursor() as cursor:
                cursor.execute(SWEEP)
        return int(failures)

    def get(self, key: str) -> int:
        """The count; 0 without one."""
        return int((self._row(READ, key=key) or (0, 0))[0])

    def get_expiry(self, key: str) -> float:
        """When the window is over, in seconds since 1970; now when there is none."""
        return float((self._row(READ, key=key) or (0, time.time()))[1])

    def check(self) -> bool:
        """Whether counts can be read."""
        try:
            self._row(READ, key="")
        except self.base_exceptions:
            return False
        return True

    def reset(self) -> int:
        """Forget every count; how many there were."""
        return FailureCount.objects.using(self._database()).all().delete()[0]

    def clear(self, key: str) -> None:
        """Forget one count."""
        FailureCount.objects.using(self._database()).filter(key=key).delete()

    def _row(self, statement: str, **values: Any) -> tuple[Any, ...] | None:
        with connections[self._database()].cursor() as cursor:
            cursor.execute(statement, values)
            row: tuple[Any, ...] | None = cursor.fetchone()
            return row

    def _database(self) -> str:
        return router.db_for_write(FailureCount)

"""Delete the hashes of tokens that were retired long ago."""

from __future__ import annotations

import time

from token_rotation.errors import AbortedError
from token_rotation.events import Observer
from token_rotation.postgres import statements
from token_rotation.postgres.backoff import Backoff
from token_rotation.postgres.connection import Connection
from token_rotation.postgres.retrying import RetryLoop
from token_rotation.retired.kept import table_pages
from token_rotation.sql import retired as retired_sql
from token_rotation.stop import StopSignal

PAGES_AT_A_TIME = 32
LOCK_TIMEOUT_MS = 100
RETRY_SECONDS = 60.0


class Pruning:
    """Deletion of old hashes, 32 pages at a time.

    Each step is one short transaction of at most some 3,000 rows. What is deleted stays deleted
    when it is stopped half-way; ``rows`` counts it.
    """

    def __init__(
        self,
        database: str,
        *,
        older_than_days: int,
        stop: StopSignal,
        observe: Observer = lambda _: None,
    ) -> None:
        self._days = older_than_days
        self._stop = stop
        self._connection = Connection(database, observe=observe)
        self._persistence = RetryLoop(
            self._connection,
            backoff=Backoff(RETRY_SECONDS),
            stop=stop,
            observe=observe,
            clock=time.monotonic,
        )
        self.rows = 0

    def run(self) -> bool:
        """Delete the hashes; return False if it was stopped.

        Raises NotReadyError where there is no such table, and what RetryLoop raises.
        """
        self._stop.on_abort(self._connection.cancel)
        try:
            pages = self._persistence.run(lambda: table_pages(self._connection))
            for first in range(0, pages, PAGES_AT_A_TIME):
                if self._stop.requested:
                    return False
                self.rows += self._prune(first)
        except AbortedError:
            return False
        finally:
            self._connection.close()
        return True

    def _prune(self, first: int) -> int:
        query = statements.together(statements.LIMIT_LOCK_WAIT, retired_sql.delete_old())
        values = {
            "lock_timeout_ms": LOCK_TIMEOUT_MS,
            "first": f"({first},0)",
            "end": f"({first + PAGES_AT_A_TIME},0)",
            "days": self._days,
        }
        return self._persistence.run(lambda: self._connection.change(query, values))

"""Delete the hashes of tokens that were retired long ago."""

from __future__ import annotations

import time

from django.db import DatabaseError

from token_rotation.errors import AbortedError, RotationError, UnknownTargetError
from token_rotation.events import Observer
from token_rotation.inspection.keeping import accepts_sent, keeps
from token_rotation.postgres import statements
from token_rotation.postgres.backoff import Backoff
from token_rotation.postgres.connection import Connection
from token_rotation.postgres.reading import reading
from token_rotation.postgres.retrying import RetryLoop
from token_rotation.retired.kept import table_pages
from token_rotation.retired.unkept_record import leave_record
from token_rotation.selection.target import Target
from token_rotation.sql import retired as retired_sql
from token_rotation.stop import StopSignal
from token_rotation.targets.discovery import find_targets

PAGES_AT_A_TIME = 32
LOCK_TIMEOUT_MS = 100
RETRY_SECONDS = 60.0


def note_forgotten(database: str, *, older_than_days: int) -> None:
    """Leave a record of each target that takes sent tokens, and whose hashes are to be deleted.

    Raises RotationError where it cannot.
    """
    try:
        targets = [each for each in find_targets(database) if accepts_sent(each) and keeps(each)]
    except UnknownTargetError:
        return  # hashes of a guard that is gone
    with reading(database) as connection:
        forgotten = [each for each in targets if _any_older(connection, each, older_than_days)]
    for target in forgotten:
        try:
            leave_record(target)
        except DatabaseError as error:
            raise RotationError(
                f"{target.label}: no record could be left that hashes are missing "
                f"({type(error).__name__}). Nothing was deleted"
            ) from error


def _any_older(connection: Connection, target: Target, days: int) -> bool:
    look = statements.together(statements.WITHOUT_A_LIMIT, retired_sql.any_older())
    values = {"source": f"{target.table}.{target.token_column}", "days": days}
    return bool(connection.value(look, values))


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

"""Import the rows of a chunk, or of a part of one; try again while others are in the way."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from django.db import connections

from tickets.importing.chunk import ChunkDone, import_chunk
from tickets.importing.options import ImportOptions
from tickets.importing.refusal import DATABASE_ERRORS, SessionLostError, lost_its_session
from tickets.importing.retries import Retries, Tries
from tickets.importing.row import Row
from token_rotation.operations.models import BatchOperation
from token_rotation.postgres import is_lost, patience


class ChunkWriter:
    """Transactions of one import, and what became of them.

    ``committed`` hears of each that has committed. ``in_doubt`` is True while it is not known of
    the last one: the connection was lost during its COMMIT.
    """

    def __init__(
        self,
        options: ImportOptions,
        operation: BatchOperation,
        retries: Retries,
        committed: Callable[[ChunkDone], None],
    ) -> None:
        self._options, self._operation, self._retries = options, operation, retries
        self._told = committed
        self._is_committing = False
        self.in_doubt = False

    def write(self, rows: Sequence[Row], tries: Tries) -> None:
        """Import rows in one transaction.

        Raises SessionLostError, Stopped, LockedError, NotRunningError and any other database error.
        """
        self._retries.do(lambda: self._write(rows, tries.patience), tries=tries)

    def _write(self, rows: Sequence[Row], factor: float) -> None:
        self._is_committing = False
        database, began_at = self._options.database, time.monotonic()
        try:
            with patience(database, factor):
                import_chunk(
                    database,
                    self._operation,
                    rows,
                    self._committed,
                    committing=self._committing,
                    strict=self._options.strict,
                )
        except DATABASE_ERRORS as error:
            self.in_doubt = self.in_doubt and is_lost(error)
            if lost_its_session(error, is_committing=self._is_committing):
                connections[database].close()
                raise SessionLostError(time.monotonic() - began_at) from error.__cause__
            raise

    def _committing(self) -> None:
        self._is_committing = self.in_doubt = True

    def _committed(self, done: ChunkDone) -> None:
        self._is_committing = self.in_doubt = False
        self._told(done)

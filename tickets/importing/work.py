"""The import itself: read, gather, write, count."""

from __future__ import annotations

import random
import time
from contextlib import suppress
from functools import partial
from typing import Any

import psycopg2
from django.db import DatabaseError, InterfaceError, connections

from tickets.importing.chunk import ChunkDone, import_chunk, lost_a_race
from tickets.importing.chunking import gather
from tickets.importing.counts import Tally
from tickets.importing.display import Display
from tickets.importing.errors import RefusedError, Stopped
from tickets.importing.options import ImportOptions
from tickets.importing.records import Records
from tickets.importing.row import BadLine, Row
from tickets.importing.source import Source
from token_rotation.command_line import StopSignal
from token_rotation.operations import Heartbeat
from token_rotation.operations.errors import NotRunningError
from token_rotation.operations.models import BatchOperation
from token_rotation.postgres import Backoff, Fault, classify, reason_of

BEAT_EVERY_SECONDS = 1.0
ATTEMPTS = 20
DATABASE_ERRORS = (DatabaseError, InterfaceError)
BACKOFF = Backoff(give_up_after_seconds=60, first_seconds=0.02, longest_seconds=1.0)


class Work:
    """One run through one file, in the thread that calls ``run``."""

    def __init__(
        self,
        source: Source,
        options: ImportOptions,
        operation: BatchOperation,
        tally: Tally,
        display: Display,
        stop: StopSignal,
    ) -> None:
        self._source, self._options, self._operation = source, options, operation
        self._display, self._stop = display, stop
        self._heartbeat = Heartbeat(
            operation, interval_seconds=BEAT_EVERY_SECONDS, clock=time.monotonic
        )
        self.tally = tally
        self.finished = False
        self.line = 0

    def run(self) -> None:
        """Import until the end of the file or of the operator's patience.

        ``finished`` then tells whether all was read that was to be, with ``strict`` up to the
        first bad line; ``line`` tells how far what is committed reaches.

        Raises UnreadableFileError and RefusedError. What was committed before stays.
        """
        connection = connections[self._options.database]
        try:
            connection.ensure_connection()
            self._stop.on_abort(partial(_cancel, connection.connection))
            self._import_all()
        except Stopped:
            pass
        except NotRunningError as error:
            raise RefusedError(f"somebody else ended this import's record: {error}") from None
        except DATABASE_ERRORS as error:
            if not self._stop.aborted:
                raise RefusedError(f"the database refused: {reason_of(error)}") from None
        finally:
            connection.close()

    def _import_all(self) -> None:
        records = Records(self._source.lines(self._meanwhile))
        chunks = gather(
            records,
            chunk_rows=self._options.chunk_rows,
            refused=self._refused,
            strict=self._options.strict,
        )
        for chunk in chunks:
            self._import(chunk)
            self._display.progress()
            if self._stop.requested:
                return
            if self._options.strict and self.tally.bad:
                break
        self.finished = True

    def _import(self, chunk: list[Row]) -> None:
        """Try again where others were faster, or in the way. Each time somebody gets further."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                import_chunk(
                    self._options.database,
                    self._operation,
                    chunk,
                    self._committed,
                    strict=self._options.strict,
                )
            except DatabaseError as error:
                if attempt == ATTEMPTS or not _passes(error) or self._stop.aborted:
                    raise
                self.tally.retries += 1
                self._stop.wait(BACKOFF.delay_seconds(attempt, random.random))
            else:
                return

    def _committed(self, done: ChunkDone) -> None:
        self.tally.add_chunk(done.imported, done.already_there)
        self.line = done.last_line
        for clash in done.clashes:
            self._refused(clash)

    def _refused(self, bad: BadLine) -> None:
        self.tally.add_bad(bad)
        self._display.bad(bad)

    def _meanwhile(self) -> bool:
        """Called while the file is read: beat, and say whether to stop."""
        if self._heartbeat.tick(self.tally.records):
            self._stop.request()
        return self._stop.requested


def _cancel(raw: Any) -> None:
    """End the statement in flight, from another thread; there may be none any more."""
    with suppress(psycopg2.Error):
        raw.cancel()


def _passes(error: DatabaseError) -> bool:
    sqlstate = getattr(error.__cause__, "pgcode", None)
    return lost_a_race(error) or (
        sqlstate is not None and classify(sqlstate) in (Fault.CONTENTION, Fault.LOCKED)
    )

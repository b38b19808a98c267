"""The import itself: read, divide into chunks, write, count."""

from __future__ import annotations

import time
from functools import partial

from django.db import DatabaseError

from tickets.importing.chunk import ChunkDone, import_chunk
from tickets.importing.chunking import chunked
from tickets.importing.counts import Counts
from tickets.importing.display import ImportDisplay
from tickets.importing.errors import RefusedError, Stopped
from tickets.importing.options import ImportOptions
from tickets.importing.reading.records import Records
from tickets.importing.reading.source import Source
from tickets.importing.refusal import DATABASE_ERRORS, concerns_rows, refusal_of
from tickets.importing.retries import Retries
from tickets.importing.row import BadLine, Row
from token_rotation.command_line import StopSignal
from token_rotation.operations import Heartbeat
from token_rotation.operations.errors import NotRunningError
from token_rotation.operations.models import BatchOperation
from token_rotation.postgres import is_lost, reason_of

BEAT_EVERY_SECONDS = 1.0
MOST_REFUSALS_AT_FIRST = 200


class Work:
    """One pass over one file.

    It runs in the thread that calls ``run``. ``in_doubt`` is True if the connection was lost during
    a COMMIT.
    """

    def __init__(
        self,
        source: Source,
        options: ImportOptions,
        operation: BatchOperation,
        counts: Counts,
        display: ImportDisplay,
        stop: StopSignal,
        retries: Retries,
    ) -> None:
        self._source, self._options, self._operation = source, options, operation
        self._display, self._stop, self._retries = display, stop, retries
        self._heartbeat = Heartbeat(
            operation, interval_seconds=BEAT_EVERY_SECONDS, clock=time.monotonic
        )
        self.counts = counts
        self.finished = False
        self.line = 0
        self.in_doubt = False
        self._refusals = 0

    def run(self) -> None:
        """Import until the file ends or the operator stops it.

        ``finished`` is then True if the file was read to its end; with ``strict``, to its first
        bad line. ``line`` is the last committed one.

        Raises UnreadableFileError, RefusedError and LockedError. Committed rows stay.
        """
        try:
            self._import_all()
        except Stopped:
            pass
        except NotRunningError as error:
            raise RefusedError(f"somebody else ended the record of this import: {error}") from None
        except DATABASE_ERRORS as error:
            if not self._stop.aborted:
                raise RefusedError(refusal_of(error)) from None

    def _import_all(self) -> None:
        records = Records(self._source.lines(self._meanwhile))
        chunks = chunked(
            records,
            chunk_rows=self._options.chunk_rows,
            refused=self._refused,
            strict=self._options.strict,
        )
        for chunk in chunks:
            self._import(chunk)
            self._display.progress(self.line)
            if self._stop.requested:
                return
            if self._options.strict and self.counts.bad:
                break
        else:
            self._display.progress(self._source.last_line)
        self.finished = True

    def _import(self, chunk: list[Row]) -> None:
        """Import a chunk; in halves where the database refuses a row, down to that row."""
        pieces = [chunk]
        while pieces:
            piece = pieces.pop()
            try:
                self._write(piece)
            except DatabaseError as error:
                if self._stop.aborted or not concerns_rows(error):
                    raise
                middle = len(piece) // 2
                if middle:
                    pieces += [piece[middle:], piece[:middle]]
                else:
                    self._refused_by_database(piece[0], error)
            if self._meanwhile() or (self._options.strict and self.counts.bad):
                return

    def _write(self, rows: list[Row]) -> None:
        """Import rows; retry while other transactions interfere."""

        def write() -> None:
            try:
                import_chunk(
                    self._options.database,
                    self._operation,
                    rows,
                    self._committed,
                    committing=self._committing,
                    strict=self._options.strict,
                )
            except DATABASE_ERRORS as error:
                self.in_doubt = self.in_doubt and is_lost(error)
                raise

        self._retries.do(write)

    def _refused_by_database(self, row: Row, error: DatabaseError) -> None:
        """Count a row that no retry gets in; end an import of which no row gets in."""
        reason = reason_of(error)
        self._refusals += 1
        self._refused(BadLine(row.line, row.line, f"the database refused it: {reason}"))
        accepted = self.counts.imported or self.counts.already_there
        if self._refusals == MOST_REFUSALS_AT_FIRST and not accepted:
            raise RefusedError(
                f"the database refused each of the first {self._refusals:,} tickets, the last in"
                f" line {row.line}: {reason}"
            )

    def _committing(self) -> None:
        self.in_doubt = True

    def _committed(self, done: ChunkDone) -> None:
        self.in_doubt = False
        self.counts.add_chunk(done.imported, done.already_there)
        self.line = done.last_line
        for clash in done.clashes:
            self._refused(clash)

    def _refused(self, bad: BadLine) -> None:
        self.counts.add_bad(bad)
        self._display.bad(bad)

    def _meanwhile(self) -> bool:
        """Send a heartbeat during reading; return True to stop."""
        if self._retries.do(partial(self._heartbeat.tick, self.counts.records)):
            self._stop.request()
        return self._stop.requested

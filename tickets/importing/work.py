"""The import itself: read, divide into chunks, write, count."""

from __future__ import annotations

import time
from functools import partial

from tickets.importing.chunk import ChunkDone
from tickets.importing.chunk_writer import ChunkWriter
from tickets.importing.chunking import chunked
from tickets.importing.counts import Counts
from tickets.importing.display import ImportDisplay
from tickets.importing.errors import RefusedError, Stopped
from tickets.importing.isolation import Isolation
from tickets.importing.options import ImportOptions
from tickets.importing.reading.records import Records
from tickets.importing.reading.source import Source
from tickets.importing.refusal import DATABASE_ERRORS, refusal_of
from tickets.importing.retries import Retries
from tickets.importing.row import BadLine, Row
from token_rotation.command_line import StopSignal
from token_rotation.operations import Heartbeat
from token_rotation.operations.errors import NotRunningError
from token_rotation.operations.models import BatchOperation

BEAT_EVERY_SECONDS = 1.0
MOST_REFUSALS_AT_FIRST = 200


class Work:
    """One pass over one file.

    It runs in the thread that calls ``run``.
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
        self._writer = ChunkWriter(options, operation, retries, self._committed)
        self._isolation = Isolation(
            self._writer.write,
            options.database,
            refused=self._refused_by_database,
            ended=self._ended,
        )
        self._heartbeat = Heartbeat(
            operation, interval_seconds=BEAT_EVERY_SECONDS, clock=time.monotonic
        )
        self.counts = counts
        self.finished = False
        self.line = 0
        self._refusals = 0
        self._has_refused = False  # a line that could be read

    @property
    def in_doubt(self) -> bool:
        """True if the connection was lost during the last COMMIT."""
        return self._writer.in_doubt

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
            self._isolation.do(chunk)
            self._display.progress(self.line)
            if self._stop.requested:
                return
            if self._options.strict and self.counts.bad:
                break
        else:
            self._display.progress(self._source.last_line)
        self.finished = True

    def _refused_by_database(self, row: Row, reason: str) -> None:
        """Count a row that no retry gets in; end an import of which no row gets in."""
        self._refusals += 1
        self._has_refused = True
        self._refused(BadLine(row.line, row.line, f"the database refused it: {reason}"))
        accepted = self.counts.imported or self.counts.already_there
        if self._refusals == MOST_REFUSALS_AT_FIRST and not accepted:
            raise RefusedError(
                f"the database refused each of the first {self._refusals:,} tickets, the last in"
                f" line {row.line}: {reason}"
            )

    def _ended(self) -> bool:
        """Return True where the rest of a chunk should not be tried."""
        return self._meanwhile() or (self._options.strict and self._has_refused)

    def _committed(self, done: ChunkDone) -> None:
        self.counts.add_chunk(done.imported, done.already_there)
        self.line = done.last_line
        self._has_refused = self._has_refused or bool(done.clashes)
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

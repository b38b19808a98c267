"""The stored record of a rotation, for people to read; nothing is ever resumed from it.

A record that cannot be kept does not stop a rotation: the data alone say what is done.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import timedelta
from threading import Event, Thread
from typing import Any

from django.db import DatabaseError, InterfaceError, connections, transaction

from tickets.batch.errors import BatchError
from tickets.batch.models import BatchOperation
from tickets.rotation.connection import own_wrapper, reason_of
from tickets.rotation.errors import StatementError
from tickets.rotation.options import RotationOptions
from tickets.rotation.progress import Progress
from tickets.rotation.result import Result
from tickets.rotation.sql import KEEP_RECORD_BRIEFLY
from tickets.rotation.stop import StopSignal
from tickets.rotation.target import Target

OPERATION_TYPE = "rotation"
BEAT_EVERY_SECONDS = 1.0
JOIN_AT_MOST_SECONDS = 5.0
DATABASE_ERRORS = (DatabaseError, InterfaceError)
SILENT_FOR = timedelta(seconds=30)


class Record:
    """One row, written through Django's connection of the calling thread."""

    def __init__(self, target: Target) -> None:
        self._database = target.database
        self._input = {"model": target.label, "selection": target.selection.as_input()}
        self._operation: BatchOperation | None = None

    def begin(self, options: RotationOptions, pending_rows: int) -> str | None:
        """Write who began what; the reason, in words, where that is not possible."""
        try:
            with self._briefly():
                self._operation = BatchOperation.objects.using(self._database).create_synchronous(
                    OPERATION_TYPE,
                    input_data={**self._input, "options": asdict(options)},
                    progress_total=pending_rows,
                )
        except DATABASE_ERRORS as error:
            return reason_of(error)
        finally:
            self.close()
        return None

    def beat(self, done_rows: int, total_rows: int | None = None) -> bool:
        """Write the progress; whether somebody asked this rotation to stop."""
        if self._operation is None:
            return False
        try:
            with self._briefly():
                return self._operation.beat(done_rows, total_rows)
        except DATABASE_ERRORS:
            self.close()  # it may be lost; the next beat opens another
        except BatchError:  # somebody removed or ended the record
            self._operation = None
        return False

    def end(self, result: Result, *, error: str | None = None) -> None:
        """Write how it ended. A stopped rotation has not failed; one that met an error has."""
        self.beat(result.rotated_rows)
        if self._operation is None:
            return
        # Where this fails too, the record stays as a rotation without a sign of life.
        with suppress(*DATABASE_ERRORS, BatchError), self._briefly():
            self._operation.finish(failed=error is not None, output_data=as_output(result, error))
        self.close()

    @contextmanager
    def _briefly(self) -> Iterator[None]:
        """A transaction that gives up soon where others hold the record's table."""
        with transaction.atomic(using=self._database):
            with connections[self._database].cursor() as cursor:
                cursor.execute(KEEP_RECORD_BRIEFLY)
            yield

    def close(self) -> None:
        """Close the calling thread's connection; its next use opens another."""
        connections[self._database].close()

    @contextmanager
    def kept(self, progress: Progress, stop: StopSignal) -> Iterator[None]:
        """While inside, a thread of its own writes the progress and hears of requests to stop.

        A thread apart: the main one must answer signals even while the database does not answer.
        """
        finished = Event()

        def keep() -> None:
            connections[self._database] = own_wrapper(self._database)  # this thread's alone
            while not finished.wait(BEAT_EVERY_SECONDS):
                if self.beat(progress.done_rows, progress.total_rows):
                    stop.request()
            self.close()

        keeper = Thread(target=keep, name="rotation-record", daemon=True)
        keeper.start()
        try:
            yield
        finally:
            finished.set()
            keeper.join(timeout=JOIN_AT_MOST_SECONDS)


def as_output(result: Result, error: str | None) -> dict[str, Any]:
    """What a record keeps of a rotation that has ended: JSON values, seconds and rows."""
    return {
        "outcome": "error" if error else result.outcome.name.lower(),
        "error": error,
        "rotated_rows": result.rotated_rows,
        "skipped_rows": result.skipped_rows,
        "batches": result.batches,
        "retries": result.retries,
        "seconds": round(result.seconds, 3),
        "vacuums": result.vacuums,
        "waited_seconds": {kind: round(s, 3) for kind, s in result.waited_seconds.items()},
    }


def request_stop(database: str) -> tuple[int, int]:
    """Ask every running rotation of a database to stop after its batch.

    Returns how many of them are alive, and how many have shown no sign of life for 30 seconds.
    Raises StatementError where the records cannot be read or written.
    """
    running = BatchOperation.objects.using(database).of_type(OPERATION_TYPE).running()
    try:
        silent = running.stalled(SILENT_FOR).count()
        return running.request_stop() - silent, silent
    except DATABASE_ERRORS as error:
        raise StatementError(
            f"The records of running rotations cannot be read: {reason_of(error)}. Nothing was "
            "stopped; Ctrl-C in its terminal, or SIGTERM, ends a rotation too"
        ) from None

"""The stored record of a rotation, for people to read; nothing is ever resumed from it.

A record that cannot be kept does not stop a rotation: the data alone say what is done.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta
from threading import Event, Thread

from django.db import DatabaseError, connections

from tickets.batch.errors import BatchError
from tickets.batch.models import BatchOperation
from tickets.rotation.options import RotationOptions
from tickets.rotation.progress import Progress
from tickets.rotation.result import Result
from tickets.rotation.stop import StopSignal
from tickets.rotation.target import Target

OPERATION_TYPE = "rotation"
BEAT_EVERY_SECONDS = 1.0
JOIN_AT_MOST_SECONDS = 5.0
SILENT_FOR = timedelta(seconds=30)


class Record:
    """One row, written through Django's connection of the calling thread."""

    def __init__(self, target: Target) -> None:
        self._database = target.database
        self._label = target.label
        self._operation: BatchOperation | None = None

    def begin(self, options: RotationOptions, pending_rows: int) -> bool:
        """Write who began what; whether that was possible."""
        try:
            self._operation = BatchOperation.objects.using(self._database).create_synchronous(
                OPERATION_TYPE,
                input_data={"model": self._label, "options": asdict(options)},
                progress_total=pending_rows,
            )
        except DatabaseError:
            pass  # the caller is told
        finally:
            self.close()
        return self._operation is not None

    def beat(self, done_rows: int, total_rows: int) -> bool:
        """Write the progress; whether somebody asked this rotation to stop."""
        if self._operation is None:
            return False
        try:
            return self._operation.beat(done_rows, total_rows)
        except DatabaseError:
            self.close()  # it may be lost; the next beat opens another
        except BatchError:  # somebody removed or ended the record
            self._operation = None
        return False

    def end(self, result: Result, *, error: str | None = None) -> None:
        """Write how it ended. A stopped rotation has not failed; one that met an error has."""
        if self._operation is None:
            return
        output = {
            "outcome": "error" if error else result.outcome.name.lower(),
            "error": error,
            "rotated_rows": result.rotated_rows,
            "skipped_rows": result.skipped_rows,
            "batches": result.batches,
            "retries": result.retries,
            "seconds": round(result.seconds, 3),
            "waited_seconds": {kind: round(s, 3) for kind, s in result.waited_seconds.items()},
        }
        try:
            self._operation.beat(result.rotated_rows)
            self._operation.finish(failed=error is not None, output_data=output)
        except (DatabaseError, BatchError):
            pass  # the record stays as a rotation without a sign of life
        finally:
            self.close()

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


def request_stop(database: str) -> tuple[int, int]:
    """Ask every running rotation of a database to stop after its batch.

    Returns how many of them are alive, and how many have shown no sign of life for 30 seconds.
    """
    running = BatchOperation.objects.using(database).of_type(OPERATION_TYPE).running()
    silent = running.stalled(SILENT_FOR).count()
    return running.request_stop() - silent, silent

"""The stored record of a rotation, for people to read; nothing is ever resumed from it.

A record that cannot be kept does not stop a rotation: the data alone say what is done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import timedelta
from itertools import count
from threading import Event, Thread
from typing import Any, Protocol

from django.db import DatabaseError, InterfaceError, connections, transaction

from token_rotation.engine.result import Result
from token_rotation.errors import StatementError
from token_rotation.operations.errors import BatchError
from token_rotation.operations.models import BatchOperation
from token_rotation.operations.stored_output import StoredError
from token_rotation.options import RotationOptions
from token_rotation.pacing.pace import Pace, PaceListener
from token_rotation.postgres.failures import reason_of
from token_rotation.postgres.opening import own_wrapper
from token_rotation.postgres.statements import KEEP_RECORD_BRIEFLY, WITHOUT_A_FLUSH
from token_rotation.run.live_status import LiveData
from token_rotation.run.progress import Progress
from token_rotation.selection.target import Target
from token_rotation.stop import StopSignal

OPERATION_TYPE = "rotation"
BEAT_EVERY_SECONDS = 1.0
FIGURES_EVERY_BEATS = 5
JOIN_AT_MOST_SECONDS = 5.0
DATABASE_ERRORS = (DatabaseError, InterfaceError)
SILENT_FOR = timedelta(seconds=30)


class Counted(Protocol):
    """A rotation at work; ``sum_up`` brings ``result`` up to date."""

    result: Result

    def sum_up(self) -> None: ...


class Record:
    """One row, written through Django's connection of the calling thread."""

    def __init__(self, target: Target) -> None:
        self._database = target.database
        self._input = {"model": target.label, "selection": target.selection.as_input()}
        self._operation: BatchOperation | None = None

    def begin(self, options: RotationOptions, pending_rows: int) -> str | None:
        """Write who began what; the reason, in words, where that is not possible."""
        try:
            with briefly(self._database):
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

    def beat(self, done_rows: int, total_rows: int | None = None, live: Any = None) -> bool:
        """Write the progress; whether somebody asked this rotation to stop."""
        if self._operation is None:
            return False
        try:
            with briefly(self._database, flushed=False):
                return self._operation.beat(done_rows, total_rows, live)
        except DATABASE_ERRORS:
            self.close()  # it may be lost; the next beat opens another
        except BatchError:  # somebody removed or ended the record
            self._operation = None
        return False

    def end(self, result: Result, *, error: StoredError | None = None) -> None:
        """Write how it ended. A stopped rotation has not failed; one that met an error has."""
        self.beat(result.rotated_rows)
        if self._operation is None:
            return
        # Where this fails too, the record stays as a rotation without a sign of life.
        with suppress(*DATABASE_ERRORS, BatchError), briefly(self._database):
            self._operation.finish(failed=error is not None, output_data=as_output(result, error))
        self.close()

    def _write_figures(self, counted: Counted) -> None:
        if self._operation is None:
            return
        counted.sum_up()
        with suppress(*DATABASE_ERRORS), briefly(self._database, flushed=False):
            records = BatchOperation.objects.using(self._database).filter(pk=self._operation.pk)
            records.running().update(output_data=as_figures(counted.result))

    def close(self) -> None:
        """Close the calling thread's connection; its next use opens another."""
        connections[self._database].close()

    @contextmanager
    def kept(
        self,
        progress: Progress,
        stop: StopSignal,
        counted: Counted,
        *,
        live_data: LiveData,
        change_pace: Callable[[Pace], None],
    ) -> Iterator[None]:
        """While inside, a thread of its own writes how the rotation is and hears of requests.

        A thread apart: the main one must answer signals even while the database does not answer.
        Every few seconds it also writes what ``counted`` has counted by then.
        """
        finished = Event()
        listener = PaceListener(change_pace)

        def keep() -> None:
            connections[self._database] = own_wrapper(self._database)  # this thread's alone
            for beats in count(1):
                if finished.wait(BEAT_EVERY_SECONDS):
                    break
                if self.beat(progress.done_rows, progress.total_rows, live_data.as_json()):
                    stop.request()
                if self._operation is not None:
                    listener.hear(self._operation.control_data)
                if beats % FIGURES_EVERY_BEATS == 0:
                    self._write_figures(counted)
            self.close()

        keeper = Thread(target=keep, name="rotation-record", daemon=True)
        keeper.start()
        try:
            yield
        finally:
            finished.set()
            keeper.join(timeout=JOIN_AT_MOST_SECONDS)


@contextmanager
def briefly(database: str, *, flushed: bool = True) -> Iterator[None]:
    """A transaction on the records that gives up soon where others hold their table.

    Not ``flushed``, it does not wait for the disk, for which the batches wait as well.
    """
    bounds = KEEP_RECORD_BRIEFLY if flushed else f"{KEEP_RECORD_BRIEFLY}; {WITHOUT_A_FLUSH}"
    with transaction.atomic(using=database):
        with connections[database].cursor() as cursor:
            cursor.execute(bounds)
        yield


def as_output(result: Result, error: StoredError | None) -> dict[str, Any]:
    """What a record keeps of a rotation that has ended: JSON values, seconds and rows."""
    return {
        "outcome": "error" if error else result.outcome.name.lower(),
        "error": error and error.as_json(),
        "seconds": round(result.seconds, 3),
        "rows_per_second": round(result.rotated_rows / result.seconds) if result.seconds else None,
        **as_figures(result),
    }


def as_figures(result: Result) -> dict[str, Any]:
    """The part of it that is there while the rotation runs, too."""
    return {
        "rotated_rows": result.rotated_rows,
        "skipped_rows": result.skipped_rows,
        "batches": result.batches,
        "retries": result.retries,
        "vacuums": result.vacuums,
        "waited_seconds": {kind: round(s, 3) for kind, s in result.waited_seconds.items()},
        "batch_seconds": result.batch_seconds.as_dict(),
    }


def request_stop(database: str, labels: Sequence[str] = ()) -> tuple[int, int]:
    """Ask every running rotation of a database, or of these targets, to stop after its batch.

    Returns how many of them are alive, and how many have shown no sign of life for 30 seconds.
    Raises StatementError where the records cannot be read or written.
    """
    running = BatchOperation.objects.using(database).of_type(OPERATION_TYPE).running()
    if labels:
        running = running.filter(input_data__model__in=labels)
    try:
        silent = running.stalled(SILENT_FOR).count()
        return running.request_stop() - silent, silent
    except DATABASE_ERRORS as error:
        raise StatementError(
            f"The records of running rotations cannot be read: {reason_of(error)}. Nothing was "
            "stopped; Ctrl-C in its terminal, or SIGTERM, ends a rotation too"
        ) from None

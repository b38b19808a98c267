"""The stored record of a rotation, for people to read.

No run resumes from it, and a record that cannot be kept stops none. The data say what is done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import asdict
from datetime import timedelta
from functools import partial
from itertools import count
from typing import Any, Protocol
from uuid import uuid4

from django.db import DatabaseError, InterfaceError, connections, transaction

from token_rotation.engine.result import Result
from token_rotation.operations.errors import OperationError
from token_rotation.operations.execution.heartbeat import beating
from token_rotation.operations.models import BatchOperation
from token_rotation.operations.stored_output import StoredError
from token_rotation.options import RotationOptions
from token_rotation.pacing.pace import Pace, PaceListener
from token_rotation.postgres.faults.failures import fault_of, reason_of
from token_rotation.postgres.faults.sqlstate import Fault
from token_rotation.postgres.opening import own_session
from token_rotation.postgres.silence.sockets import cut_after
from token_rotation.postgres.statements import (
    KEEP_RECORD_BRIEFLY,
    WITHOUT_A_FLUSH,
    WITHOUT_A_STANDBY,
)
from token_rotation.postgres.text_cursor import django_cursor
from token_rotation.run.progress import Progress
from token_rotation.run.recording.live_status import LiveStatus
from token_rotation.run.recording.result_values import figures, stored_values
from token_rotation.selection.marked_table import MarkedTable
from token_rotation.sql.records import ROTATION
from token_rotation.stop import StopSignal

OPERATION_TYPE = ROTATION
BEAT_EVERY_SECONDS = 1.0
CONNECT_SECONDS = 3
FIGURES_EVERY_BEATS = 5
DATABASE_ERRORS = (DatabaseError, InterfaceError)
BRIEFLY_AT_MOST_SECONDS = 10.0
SILENT_FOR = timedelta(seconds=30)
MOST_BEATS_BETWEEN_TRIES = 32


class AtWork(Protocol):
    """A rotation at work; ``sum_up`` brings ``result`` up to date."""

    result: Result

    def sum_up(self) -> None: ...


class Record:
    """One row, written through Django's connection of the calling thread.

    A record that could not be begun is begun by a later beat, or at the end.
    """

    def __init__(self, target: MarkedTable, operation_type: str = OPERATION_TYPE) -> None:
        self._type = operation_type
        self._database = target.database
        self._input = {"model": target.label, "selection": target.selection.as_input()}
        self._operation: BatchOperation | None = None
        self._wanted: dict[str, Any] | None = None
        self._beats_between_tries = self._beats_to_wait = 1
        self._is_out_of_reach = False

    def begin(self, options: RotationOptions, pending_rows: int) -> str | None:
        """Record who began what.

        Return the reason where that is not possible now.
        """
        self._wanted = {
            "key": uuid4(),  # the answer to a COMMIT may be lost
            "input_data": {**self._input, "options": asdict(options)},
            "progress_total": pending_rows,
        }
        with self._session():
            return self._begin()

    def _session(self) -> AbstractContextManager[object]:
        return own_session(self._database, connect_seconds=CONNECT_SECONDS)

    def _begin(self) -> str | None:
        if self._operation is not None or self._wanted is None:
            return None
        records = BatchOperation.objects.using(self._database)
        try:
            with briefly(self._database):
                self._operation = records.create_synchronous(self._type, **self._wanted)
        except DATABASE_ERRORS as error:
            return reason_of(error)
        return None

    def beat(self, done_rows: int, total_rows: int | None = None, live: Any = None) -> bool:
        """Write the progress.

        Return True when somebody asked this rotation to stop.
        """
        if self._operation is None:
            self._begin_in_turn()
        if self._operation is None:
            return False
        try:
            self._is_out_of_reach = False
            with cut_after(BRIEFLY_AT_MOST_SECONDS, self._opened):
                return self._operation.beat(done_rows, total_rows, live, briefly=True)
        except DATABASE_ERRORS as error:
            self._is_out_of_reach = fault_of(error) is Fault.CONNECTION
            self.close()  # it may be lost; the next beat opens another
        except OperationError:  # somebody removed or ended the record
            self._operation = self._wanted = None
        return False

    def _opened(self) -> object:
        return connections[self._database].connection

    def _begin_in_turn(self) -> None:
        """Try with growing pauses: a table may be missing all the time."""
        self._beats_to_wait -= 1
        if self._beats_to_wait <= 0:
            self._begin()
            self._beats_between_tries = min(MOST_BEATS_BETWEEN_TRIES, 2 * self._beats_between_tries)
            self._beats_to_wait = self._beats_between_tries

    def end(self, result: Result, *, error: StoredError | None = None) -> None:
        """Record the end.

        The rotation counts as failed only with an ``error``.
        """
        with self._session():
            self._begin()
            self.beat(result.rotated_rows)
            if self._operation is None or self._is_out_of_reach:
                return
            # Where this fails too, the record stays as a rotation without a sign of life.
            with suppress(*DATABASE_ERRORS, OperationError), briefly(self._database):
                self._operation.finish(
                    failed=error is not None, output_data=stored_values(result, error)
                )

    def _write_figures(self, rotation: AtWork) -> None:
        if self._operation is None:
            return
        rotation.sum_up()
        with suppress(*DATABASE_ERRORS), briefly(self._database, flushed=False):
            records = BatchOperation.objects.using(self._database).filter(pk=self._operation.pk)
            records.running().update(output_data=figures(rotation.result))

    def close(self) -> None:
        """Close the calling thread's connection.

        Its next use opens another.
        """
        connections[self._database].close()

    @contextmanager
    def kept(
        self,
        progress: Progress,
        stop: StopSignal,
        rotation: AtWork,
        *,
        live_status: LiveStatus,
        change_pace: Callable[[Pace], None],
    ) -> Iterator[None]:
        """Write the progress and obey requests while inside.

        A thread of its own does it: the main thread must answer signals even while the database
        does not answer. Every few seconds it also writes what ``rotation`` has counted by then.
        """
        listener, beats = PaceListener(change_pace), count(1)

        def beat() -> None:
            if self.beat(progress.done_rows, progress.total_rows, live_status.as_json()):
                stop.request()
            if self._operation is not None:
                listener.hear(self._operation.control_data)
            if next(beats) % FIGURES_EVERY_BEATS == 0:
                self._write_figures(rotation)

        with beating(
            beat,
            interval_seconds=BEAT_EVERY_SECONDS,
            database=self._database,
            session=self._session,
        ):
            yield


@contextmanager
def briefly(database: str, *, flushed: bool = True) -> Iterator[None]:
    """Open a short transaction on the records.

    It gives up soon where others lock their table, or the server says nothing. No COMMIT waits for
    a standby. With ``flushed=False`` it does not wait for the disk, which the batches need too.
    """
    flush = WITHOUT_A_STANDBY if flushed else WITHOUT_A_FLUSH
    bounds = f"{KEEP_RECORD_BRIEFLY}; {flush}"
    opened = partial(getattr, connections[database], "connection")
    with cut_after(BRIEFLY_AT_MOST_SECONDS, opened), transaction.atomic(using=database):
        with django_cursor(connections[database]) as cursor:
            cursor.execute(bounds)
        yield

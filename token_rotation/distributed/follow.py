"""Watch the workers of a spread rotation from outside."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import TextIO

from django.db import connections

from token_rotation.distributed.records import records_database, shares_of
from token_rotation.engine.result import Blocker, Outcome, Result
from token_rotation.errors import DatabaseGoneError, RotationError
from token_rotation.events import RangesSeen, Waiting
from token_rotation.operations.lifecycle import Status
from token_rotation.operations.models import BatchOperation
from token_rotation.operations.stored_output import StoredError, read_error, read_object
from token_rotation.postgres.failures import reason_of
from token_rotation.run.display import Display, make_display
from token_rotation.run.progress import Progress
from token_rotation.run.record import DATABASE_ERRORS
from token_rotation.stop import StopSignal

LOOK_EVERY_SECONDS = 0.5
WORKERS_MISSED_AFTER_SECONDS = 5.0
GIVE_UP_AFTER_SECONDS = 60.0


@contextmanager
def stopping_on_ctrl_c() -> Iterator[StopSignal]:
    """While inside, SIGINT requests a stop. Where it is ignored (nohup), it stays ignored."""
    stop = StopSignal()
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, lambda *_: stop.request())
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)


class Follower:
    """Shows the progress of all workers together. It only reads, so it may come and go."""

    def __init__(self, rotation: BatchOperation, *, mode: str, out: TextIO, err: TextIO) -> None:
        self.rotation = rotation
        self._mode = mode
        self._out = out
        self._err = err

    def watch(self, clock: Callable[[], float]) -> bool:
        """True when the rotation has finished: ``rotation`` is as it was stored then. False after
        Ctrl-C.

        Raises DatabaseGoneError when the database does not answer for a minute, RotationError when
        the record was removed. The workers go on.
        """
        progress = Progress(self.rotation.progress_total or 0, clock=clock)
        display = make_display(self._mode, progress, out=self._out, err=self._err, clock=clock)
        seen_at = worked_at = clock()
        with closing(display), stopping_on_ctrl_c() as stop:
            while not stop.wait(LOOK_EVERY_SECONDS):
                try:
                    worked = self._look(progress, display)
                    seen_at = clock()
                    worked_at = seen_at if worked else worked_at
                    if self.rotation.status == Status.FINISHED:
                        return True
                    if seen_at - worked_at > WORKERS_MISSED_AFTER_SECONDS:
                        display.show(Waiting("no worker takes a range"))
                except DATABASE_ERRORS as error:
                    connections[records_database()].close()
                    if clock() - seen_at > GIVE_UP_AFTER_SECONDS:
                        raise DatabaseGoneError(
                            f"the record cannot be read: {reason_of(error)}. The workers go on"
                        ) from None
                    display.show(Waiting(f"the record cannot be read: {reason_of(error)}"))
        return False

    def _look(self, progress: Progress, display: Display) -> bool:
        """Show how far it is; whether a worker is at it."""
        try:
            self.rotation.refresh_from_db(using=records_database())
        except BatchOperation.DoesNotExist:
            raise RotationError(f"{self.rotation} was removed while it ran") from None
        shares = shares_of(self.rotation)
        progress.record(max(0, shares.rotated_rows - progress.done_rows))
        display.show(RangesSeen(shares.waiting, shares.at_work, shares.finished))
        return shares.at_work > 0 or shares.waiting == 0


def result_of(rotation: BatchOperation) -> tuple[Result, StoredError | None]:
    """How a finished spread rotation ended, and the error with which it has failed."""
    output = read_object(rotation.output_data)
    error = read_error(output.get("error"))
    result = Result(
        Outcome.STOPPED if error is not None else Outcome[output["outcome"].upper()],
        rotated_rows=output["rotated_rows"],
        batches=output["batches"],
        skipped_rows=output["skipped_rows"],
        retries=output["retries"],
        seconds=output["seconds"],
        vacuums=output["vacuums"],
        blockers=tuple(Blocker(**blocker) for blocker in output["blockers"]),
        waited_seconds=output["waited_seconds"],
    )
    return result, error

"""Watch the workers of a distributed rotation from outside."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from functools import partial
from typing import Any, TextIO

from django.db import connections

from token_rotation.command_line.second_signal import end_in_time
from token_rotation.distributed.records import range_counts_of, records_database
from token_rotation.engine.refused import read_refused
from token_rotation.engine.result import Outcome, Result, read_blockers
from token_rotation.errors import DatabaseGoneError, RotationError
from token_rotation.events import RangesSeen, Waiting
from token_rotation.operations.lifecycle import Result as StoredResult
from token_rotation.operations.lifecycle import Status
from token_rotation.operations.models import BatchOperation
from token_rotation.operations.queue.worker_wait import worker_wait
from token_rotation.operations.stored_output import (
    StoredError,
    read_error,
    read_number,
    read_object,
    read_reason,
)
from token_rotation.operations.watching.resend import Resent
from token_rotation.operations.watching.resending import resending
from token_rotation.postgres.faults.failures import reason_of
from token_rotation.postgres.opening import own_session
from token_rotation.run.display import Display, make_display
from token_rotation.run.progress import Progress
from token_rotation.run.recording.record import DATABASE_ERRORS
from token_rotation.stop import StopSignal, answering_signals

LOOK_EVERY_SECONDS = 0.5
WORKERS_MISSED_AFTER_SECONDS = 5.0
GIVE_UP_AFTER_SECONDS = 60.0


@contextmanager
def stopping_on_ctrl_c() -> Iterator[StopSignal]:
    """Let SIGINT abort, while inside; a second one ends the process within five seconds.

    Where SIGINT is ignored (nohup), it stays ignored.
    """
    stop = StopSignal()
    before = signal.getsignal(signal.SIGINT)
    if before is signal.SIG_IGN:
        yield stop
        return
    signal.signal(signal.SIGINT, lambda *_: stop.abort())
    try:
        with end_in_time([signal.SIGINT]):
            yield stop
    finally:
        signal.signal(signal.SIGINT, before)


class Follower:
    """A display of the progress of all workers together.

    Start and end it at any time: beside reading it sends lost messages to the workers again.
    """

    def __init__(self, rotation: BatchOperation, *, mode: str, out: TextIO, err: TextIO) -> None:
        self.rotation = rotation
        self._mode = mode
        self._out = out
        self._err = err
        self._unavailable: str | None = None

    def watch(self, clock: Callable[[], float]) -> bool:
        """Return True when the rotation has finished, False after Ctrl-C.

        ``rotation`` is then as it was stored. Raises DatabaseGoneError when the database does not
        answer for a minute, RotationError when the record was removed. The workers go on.
        """
        progress = Progress(self.rotation.progress_total or 0, clock=clock)
        display = make_display(self._mode, progress, out=self._out, err=self._err, clock=clock)
        with closing(display), self._resending(), stopping_on_ctrl_c() as stop:
            return answering_signals(partial(self._watch, progress, display, stop, clock))

    def _watch(
        self, progress: Progress, display: Display, stop: StopSignal, clock: Callable[[], float]
    ) -> bool:
        seen_at = clock()
        with own_session(records_database(), observe=display.show) as cancel:
            stop.on_abort(cancel)
            while not stop.wait(LOOK_EVERY_SECONDS):
                try:
                    self._look(progress, display)
                    seen_at = clock()
                    if self.rotation.status == Status.FINISHED:
                        return True
                except DATABASE_ERRORS as error:
                    connections[records_database()].close()
                    if clock() - seen_at > GIVE_UP_AFTER_SECONDS:
                        raise DatabaseGoneError(
                            f"the record cannot be read: {reason_of(error)}. The workers go on"
                        ) from None
                    display.show(Waiting(f"the record cannot be read: {reason_of(error)}"))
        return False

    def _resending(self) -> AbstractContextManager[None]:
        """Send lost messages again, in a thread, while inside."""

        def tell(resent: Resent) -> None:
            self._unavailable = resent.unavailable

        return resending(tell, session=partial(own_session, records_database()))

    def _look(self, progress: Progress, display: Display) -> None:
        """Show the progress, or how long no worker has been at work."""
        try:
            self.rotation.refresh_from_db(using=records_database())
        except BatchOperation.DoesNotExist:
            raise RotationError(f"{self.rotation} was removed while it ran") from None
        except ValueError:  # JSON that Python refuses
            raise RotationError(f"the record of {self.rotation} cannot be read") from None
        counts = range_counts_of(self.rotation)
        progress.reach(counts.rotated_rows)
        display.show(RangesSeen(counts.waiting, counts.at_work, counts.finished))
        wait = worker_wait(self.rotation)
        if wait is not None and wait.seconds > WORKERS_MISSED_AFTER_SECONDS:
            display.show(Waiting("; ".join(filter(None, [str(wait), self._unavailable]))))


def result_of(rotation: BatchOperation) -> tuple[Result, StoredError | None]:
    """Return a finished rotation's result and its error, if any.

    The error is the one with which it has failed. A record without figures, such as one that was
    ended by hand, counts as stopped.
    """
    output = read_object(rotation.output_data)
    error = read_error(output.get("error"))
    if error is None and rotation.result == StoredResult.FAILED:
        error = read_reason(output)
    result = Result(
        Outcome.STOPPED if error is not None else _outcome(output.get("outcome")),
        rotated_rows=read_number(output.get("rotated_rows"), rotation.progress_done),
        skipped_rows=read_number(output.get("skipped_rows")),
        seconds=read_number(output.get("seconds")),
        vacuums=read_number(output.get("vacuums")),
        blockers=read_blockers(output.get("blockers")),
        refused=read_refused(output),
    )
    result.add(output)
    return result, error


def _outcome(stored: Any) -> Outcome:
    known = {outcome.name.lower(): outcome for outcome in Outcome}
    return known.get(stored, Outcome.STOPPED) if isinstance(stored, str) else Outcome.STOPPED

"""Begin a run where the last one of the same job and parameters ended."""

from __future__ import annotations

import time
from typing import Any

from django.db import connections, router, transaction

from token_rotation.jobs.errors import RunningElsewhereError
from token_rotation.jobs.loop import Outcome
from token_rotation.jobs.record import is_process_gone, state_of
from token_rotation.jobs.state import JobState
from token_rotation.operations.errors import StatusChangeError
from token_rotation.operations.lifecycle import Mode, Status
from token_rotation.operations.models import BatchOperation
from token_rotation.operations.stored_output import UNFINISHED
from token_rotation.postgres.text_cursor import django_cursor
from token_rotation.sql.single_start import wait_for_other_start

BEAT_SECONDS = 1.0
SILENT_SECONDS = 4.0
LOOK_EVERY_SECONDS = 0.5
TAKEN_OVER = "its process is gone; another run went on from its state"


def begin(
    name: str, parameters: dict[str, Any], *, restart: bool, started_by: Any
) -> tuple[BatchOperation, JobState]:
    """Record a run, which is running then; return its operation, and the state to begin with.

    That is the state of the last run, or the beginning where it was complete. A run whose process
    is gone is ended. Whatever that process still writes is refused. Of two that begin at once, one
    waits for the other.

    Raises RunningElsewhereError.
    """
    database = router.db_for_write(BatchOperation)
    with transaction.atomic(using=database):
        with django_cursor(connections[database]) as cursor:
            cursor.execute(wait_for_other_start(), {"label": f"job {name}"})
        last = _last_run(name, parameters)
        if last is not None and last.status == Status.RUNNING:
            _take_over(last)
        state = JobState() if restart else _state_after(last)
        operation = BatchOperation.objects.create_synchronous(
            name, input_data=parameters, started_by=started_by, group_name=name
        )
    return operation, state


def state_by_now(name: str, parameters: dict[str, Any]) -> JobState:
    """Return the state that a run would begin with now."""
    return _state_after(_last_run(name, parameters))


def _last_run(name: str, parameters: dict[str, Any]) -> BatchOperation | None:
    runs = BatchOperation.objects.filter(operation_type=name, input_data=parameters)
    return runs.exclude(status=Status.UNPROCESSED).order_by("-created_at", "-id").first()


def _state_after(run: BatchOperation | None) -> JobState:
    return JobState() if run is None or not is_unfinished(run) else state_of(run)


def is_unfinished(operation: BatchOperation) -> bool:
    """Return True where another run goes on from its state."""
    output = operation.output_data
    return not isinstance(output, dict) or output.get("outcome") != Outcome.COMPLETE


def _take_over(operation: BatchOperation) -> None:
    """Raises RunningElsewhereError where the run is alive, or may be."""
    if operation.mode is Mode.ASYNCHRONOUS or _is_alive(operation):
        where = operation.runner or operation.host
        raise RunningElsewhereError(
            f"{operation} runs on {where}; --stop ends it, and another run goes on from there"
        )
    try:
        operation.finish(failed=True, output_data={UNFINISHED: TAKEN_OVER})
    except StatusChangeError:
        raise RunningElsewhereError(f"{operation} has just ended; start again") from None
    operation.refresh_from_db()


def _is_alive(operation: BatchOperation) -> bool:
    """Return True where its heartbeat goes on while this looks."""
    if is_process_gone(operation):
        return False
    before = operation.heartbeat_at
    deadline = time.monotonic() + SILENT_SECONDS
    while time.monotonic() < deadline:
        time.sleep(LOOK_EVERY_SECONDS)
        operation.refresh_from_db()
        if operation.heartbeat_at != before or operation.status != Status.RUNNING:
            return True
    return False

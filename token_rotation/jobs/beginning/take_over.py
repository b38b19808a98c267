"""End a run whose process is gone."""

from __future__ import annotations

import time

from token_rotation.jobs.errors import RunningElsewhereError
from token_rotation.jobs.record import is_process_gone
from token_rotation.operations.errors import StatusChangeError
from token_rotation.operations.lifecycle import Mode, Status
from token_rotation.operations.models import BatchOperation
from token_rotation.operations.stored_output import UNFINISHED

SILENT_SECONDS = 4.0
LOOK_EVERY_SECONDS = 0.5
TAKEN_OVER = "its process is gone; another run went on from its state"


def take_over(operation: BatchOperation) -> None:
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

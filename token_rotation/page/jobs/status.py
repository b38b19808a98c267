"""The status of a run, in words."""

from __future__ import annotations

from token_rotation import wording
from token_rotation.jobs.outcome import is_unfinished
from token_rotation.jobs.state import JobState
from token_rotation.jobs.workers.hand_out import AWAITS
from token_rotation.operations.execution.claim import WAITING
from token_rotation.operations.lifecycle import Result, Status
from token_rotation.operations.models import BatchOperation
from token_rotation.pacing.pace import pace_asked_for
from token_rotation.page.running.running import read_at
from token_rotation.run.recording.record import SILENT_FOR


def status_of(operation: BatchOperation, state: JobState) -> tuple[str, str]:
    """Return its kind (good, bad, busy or plain), and the words. It has ``read_at``."""
    if operation.status == Status.UNPROCESSED:
        awaits = operation.group_name == AWAITS
        return "busy", "awaits approval" if awaits else "waits for a worker"
    if operation.status == Status.RUNNING:
        return _of_running(operation)
    if operation.result == Result.FAILED:
        return "bad", "failed"
    aside = f", {wording.things(state.failed, 'item')} set aside" if state.failed else ""
    if is_unfinished(operation):
        return "plain", f"stopped{aside}"
    return ("bad" if state.failed else "good"), f"complete{aside}"


def _of_running(operation: BatchOperation) -> tuple[str, str]:
    if operation.runner == WAITING:
        return "busy", "waits for a worker"
    beaten = operation.heartbeat_at
    if beaten is not None and read_at(operation) - beaten >= SILENT_FOR:
        return "bad", "no heartbeat"
    if operation.stop_requested_at is not None:
        return "busy", "stops after its batch"
    return "busy", "paused" if is_paused(operation) else "running"


def is_paused(operation: BatchOperation) -> bool:
    pace = pace_asked_for(operation.control_data)
    return pace is not None and pace.paused

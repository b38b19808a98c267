"""The last runs of a target, from their records."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import connections
from django.db.models.functions import Now

from token_rotation import wording
from token_rotation.engine.refused import read_refused
from token_rotation.operations.lifecycle import Status
from token_rotation.operations.models import BatchOperation
from token_rotation.operations.queue.worker_wait import worker_wait
from token_rotation.operations.stored_output import read_error, read_number, read_object
from token_rotation.run.recording.record import DATABASE_ERRORS, OPERATION_TYPE, SILENT_FOR, briefly
from token_rotation.run.recording.running_pace import pace_now
from token_rotation.selection.target import Target

LAST_RUNS = 5


def last_runs(target: Target) -> tuple[dict[str, Any], ...]:
    """Return up to five runs, the latest first.

    They are plain values for JSON. None without records.

    The outcome of a run that was killed stays "running"; ``silent_seconds`` tell it.
    """
    records = BatchOperation.objects.using(target.database).of_type(OPERATION_TYPE)
    timed = records.annotate(read_at=Now())
    found = timed.filter(input_data__contains={"model": target.label})[:LAST_RUNS]
    try:
        with briefly(target.database):
            return tuple(as_values(operation) for operation in found.readable())
    except DATABASE_ERRORS:  # records are for people to read: a report is one without them, too
        return ()
    finally:
        connections[target.database].close()


def as_line(run: dict[str, Any]) -> str:
    """Return one line about a run.

    ``operation 7, started 2026-01-05 10:00 by ann@db1: complete, 1,000 rows in 0:00:02``.
    """
    silent = run["silent_seconds"]
    is_silent = silent is not None and silent >= SILENT_FOR.total_seconds()
    outcome = outcome_of(run)
    if run["waits_for_a_worker"]:
        is_silent, outcome = True, f"waiting for a worker {run['waits_for_a_worker']}"
    elif is_silent:
        why = "no worker is at work on it" if run["distributed"] else "killed or out of reach"
        outcome = f"no sign of life for {wording.duration(silent)}, {why}"
    elif run["paused"]:
        outcome = "paused, --resume lets it go on"
    line = (
        f"operation {run['operation']}, {_started(run)} by {run['started_by'] or wording.UNKNOWN}"
        f"{', distributed' if run['distributed'] else ''}: {outcome}, "
        f"{wording.things(run['rotated_rows'], 'row')}"
    )
    if is_silent:
        return line
    if run["seconds"] is None:
        return f"{line}, last sign of life {run['heartbeat_at']}"
    line = f"{line} in {wording.duration(run['seconds'])}"
    return f"{line}. {run['refused']}" if run["refused"] else line


def outcome_of(run: dict[str, Any]) -> str:
    """Return the outcome in words; a run of some rows completes these alone."""
    outcome: str = run["outcome"].replace("_", " ")
    return f"selection {outcome}" if run["narrowed"] and outcome == "complete" else outcome


def _started(run: dict[str, Any]) -> str:
    if run["started_at"] is None:
        return "not started, asked for"
    return f"started {datetime.fromisoformat(run['started_at']):%Y-%m-%d %H:%M}"


def as_values(operation: BatchOperation) -> dict[str, Any]:
    """Return a record, annotated with ``read_at``, as plain values for JSON.

    A running rotation has the rows of its last beat, and the seconds since then.
    """
    has_ended = operation.status == Status.FINISHED
    output = read_object(operation.output_data) if has_ended else {}
    error = read_error(output.get("error"))
    outcome = output.get("outcome")
    verdict = read_object(output.get("verdict"))
    given = read_object(operation.input_data)
    distributed, selected = bool(given.get("distributed")), read_object(given.get("selection"))
    wait = worker_wait(operation) if distributed and not has_ended else None
    origin = f"{operation.os_user}@{operation.host}".strip("@")
    return {
        "operation": operation.pk,
        "started_by": str(operation.started_by or origin),
        "started_at": _iso(operation.started_at),
        "heartbeat_at": _iso(operation.heartbeat_at),
        "silent_seconds": _silent_seconds(operation),
        "finished_at": _iso(operation.finished_at),
        "distributed": distributed,
        "waits_for_a_worker": wait and wait.since_when,
        "paused": operation.status == Status.RUNNING and pace_now(operation).paused,
        "narrowed": bool(selected.get("where")) or _is_list_only(selected.get("list")),
        "outcome": outcome if isinstance(outcome, str) else str(operation.status),
        "error": error and (error.message or error.type),
        "verified_at": verdict.get("read_at") if verdict.get("complete") is True else None,
        "rotated_rows": read_number(output.get("rotated_rows"), operation.progress_done),
        "seconds": read_number(output.get("seconds"), None),
        "refused": read_refused(output).as_sentence() or None,
    }


def _is_list_only(args: Any) -> bool:
    return isinstance(args, list) and args[:1] == ["--only"]


def _silent_seconds(operation: BatchOperation) -> float | None:
    if operation.status != Status.RUNNING or operation.heartbeat_at is None:
        return None
    read_at: datetime = operation.read_at  # type: ignore[attr-defined]  # annotated
    return max(0.0, (read_at - operation.heartbeat_at).total_seconds())


def _iso(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()

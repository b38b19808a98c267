"""A run of a job, as the page shows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from token_rotation import wording
from token_rotation.jobs.log import Line, approval_of, log_of
from token_rotation.jobs.outcome import is_unfinished
from token_rotation.jobs.parameters.form import RETRIED
from token_rotation.jobs.record import state_of
from token_rotation.jobs.set_aside import read_recorded
from token_rotation.jobs.state import JobState, SetAside
from token_rotation.jobs.workers.hand_out import AWAITS
from token_rotation.operations.lifecycle import Result, Status
from token_rotation.operations.models import BatchOperation
from token_rotation.operations.stored_output import read_reason, read_unfinished
from token_rotation.page.jobs.status import is_paused, status_of
from token_rotation.page.running.rates import replay
from token_rotation.page.running.running import epoch_seconds, read_at, samples_of

NAMED_HERE = 20
"""So many items that a run has set aside are on the page; the record and ``run_job`` name more."""


@dataclass(frozen=True, slots=True)
class Button:
    name: str
    text: str
    style: str = ""


APPROVE = Button("approve", "Approve", "button--main")
WITHDRAW = Button("withdraw", "Withdraw", "button--stop")
PAUSE = Button("pause", "Pause")
RESUME = Button("resume", "Resume", "button--main")
STOP = Button("stop", "Stop", "button--stop")
GO_ON = Button("go-on", "Go on from", "button--main")
RETRY = Button("retry", "Retry what was set aside by", "button--main")


@dataclass(frozen=True, slots=True)
class Run:
    """A run. ``kind`` is good, bad, busy or plain."""

    number: int
    kind: str
    status: str
    error: str
    who: str
    asked_at: datetime
    parameters: tuple[tuple[str, str], ...]
    figures: str
    percent: float | None
    left: str
    set_aside: tuple[SetAside, ...]
    more_aside: int
    unnamed: int
    log: tuple[Line, ...]
    buttons: tuple[Button, ...]


def runs_of(operations: Sequence[BatchOperation], user: Any) -> tuple[Run, ...]:
    """Return the runs of one job, the latest first, as this person sees them.

    The operations are annotated with ``read_at``.
    """
    return tuple(
        _run(operation, operations[:position], user)
        for position, operation in enumerate(operations)
    )


def _run(operation: BatchOperation, later: Sequence[BatchOperation], user: Any) -> Run:
    state = state_of(operation)
    kind, status = status_of(operation, state)
    has_failed = operation.result == Result.FAILED
    return Run(
        number=operation.pk,
        kind=kind,
        status=status,
        error=_error(operation) if has_failed else "",
        who=str(operation.started_by or operation.os_user or wording.UNKNOWN),
        asked_at=operation.created_at,
        parameters=_parameters(operation),
        figures=_figures(operation),
        percent=_percent(operation),
        left=_left(operation),
        set_aside=state.set_aside[:NAMED_HERE],
        more_aside=max(0, state.failed - NAMED_HERE),
        unnamed=state.unnamed,
        log=log_of(operation),
        buttons=tuple(_buttons(operation, state, later, user)),
    )


def _error(operation: BatchOperation) -> str:
    return read_unfinished(operation.output_data) or str(read_reason(operation.output_data))


def _parameters(operation: BatchOperation) -> tuple[tuple[str, str], ...]:
    recorded = read_recorded(operation.input_data)
    shown = [(name, _shown(value)) for name, value in recorded.parameters.items()]
    if recorded.retried is not None:
        shown.append(("items set aside by operation", f"{recorded.retried}"))
    approved = approval_of(operation)
    if approved is not None:
        shown.append(("approved by", str(approved.get("by"))))
    return tuple(shown)


def _shown(value: Any) -> str:
    if isinstance(value, dict) and "name" in value:  # a stored file
        return f"{value['name']}, {wording.size(value.get('bytes'))}"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return wording.UNKNOWN if value is None else str(value)


def _figures(operation: BatchOperation) -> str:
    total = operation.progress_total
    of = "" if total is None else f" of {total:,}"
    return f"{operation.progress_done:,}{of} items"


def _percent(operation: BatchOperation) -> float | None:
    if operation.progress_total is None or operation.status == Status.UNPROCESSED:
        return None
    return wording.percent(operation.progress_done, operation.progress_total)


def _left(operation: BatchOperation) -> str:
    if operation.status != Status.RUNNING or operation.progress_total is None:
        return ""
    now = epoch_seconds(read_at(operation))
    progress = replay(samples_of(operation), operation.progress_total, now=now)
    seconds = progress.remaining_seconds()
    return "" if seconds is None else wording.duration(seconds)


def _buttons(
    operation: BatchOperation, state: JobState, later: Sequence[BatchOperation], user: Any
) -> list[Button]:
    if operation.status == Status.UNPROCESSED:
        may_approve = operation.group_name == AWAITS and operation.started_by_id != user.pk
        return [APPROVE, WITHDRAW] if may_approve else [WITHDRAW]
    if operation.status == Status.RUNNING:
        if operation.stop_requested_at is not None:
            return []
        return [RESUME if is_paused(operation) else PAUSE, STOP]
    if any(each.input_data == operation.input_data for each in later):
        return []
    if is_unfinished(operation):
        return [GO_ON]
    retry = {**read_recorded(operation.input_data).parameters, RETRIED: operation.pk}
    is_retried = any(each.input_data == retry for each in later)
    return [RETRY] if state.set_aside and not is_retried else []

"""Begin a run where the last one of the same job and parameters ended."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connections, router, transaction

from token_rotation.jobs.collection.of_job import total_of
from token_rotation.jobs.errors import NothingToRetryError, RunningElsewhereError
from token_rotation.jobs.job import Job
from token_rotation.jobs.outcome import is_unfinished
from token_rotation.jobs.record import STATE, JobRecord, is_process_gone, state_of
from token_rotation.jobs.state import JobState
from token_rotation.operations.errors import StatusChangeError
from token_rotation.operations.lifecycle import Mode, Status
from token_rotation.operations.models import BatchOperation
from token_rotation.operations.record.queryset import BatchOperationQuerySet
from token_rotation.operations.stored_output import UNFINISHED
from token_rotation.postgres.text_cursor import django_cursor
from token_rotation.sql.single_start import wait_for_other_start

SILENT_SECONDS = 4.0
LOOK_EVERY_SECONDS = 0.5
TAKEN_OVER = "its process is gone; another run went on from its state"


def begin_here(
    job: Job, *, restart: bool, started_by: Any
) -> tuple[BatchOperation, JobState, int | None]:
    """Record a run of this process; return its operation, the state to begin with, and the total.

    The state is that of the last run, or the beginning where it was complete. A run whose process
    is gone is ended. Whatever that process still writes is refused. Of two that begin at once, one
    waits for the other.

    Raises RunningElsewhereError, NothingToRetryError.
    """
    total = total_of(job)
    with alone(job):
        last = _last_ended(runs_of(job))
        from_start = restart and job.retried_keys is None  # of a retry each item comes once
        state = JobState() if from_start else _state_after(job, last)
        operation = BatchOperation.objects.create_synchronous(
            job.name,
            input_data=job.recorded_parameters or None,
            started_by=started_by,
            group_name=job.name,
        )
        JobRecord(operation, "").write(state, total)
    return operation, state, total


def begin_in_worker(job: Job, operation: BatchOperation) -> JobState:
    """Return the state with which an attempt begins, as ``begin_here`` does.

    That of the attempt before, if there was one. Raises RunningElsewhereError.
    """
    if _has_begun(operation):
        return state_of(operation)
    total = total_of(job)
    with alone(job):
        state = _state_after(job, _last_ended(runs_of(job).exclude(pk=operation.pk)))
        JobRecord(operation, operation.runner).write(state, total)
    return state


def state_by_now(job: Job) -> JobState:
    """Return the state that a run would begin with now."""
    return _state_after(job, last_of(runs_of(job)))


@contextmanager
def alone(job: Job) -> Iterator[None]:
    database = router.db_for_write(BatchOperation)
    with transaction.atomic(using=database):
        with django_cursor(connections[database]) as cursor:
            cursor.execute(wait_for_other_start(), {"label": f"job {job.name}"})
        yield


def runs_of(job: Job) -> BatchOperationQuerySet:
    """Return the runs of the same parameters that have begun."""
    return _same(job).filter(live_data__has_key=STATE)


def ensure_no_other(job: Job, *, after: BatchOperation | None = None) -> None:
    """Raise RunningElsewhereError where the same run waits or works already.

    Also where ``after``, which it is to go on from, is not the last one, or is complete. Raises
    NothingToRetryError where the same retry is complete.
    """
    for other in _same(job).exclude(status=Status.FINISHED):
        if other.status == Status.UNPROCESSED:
            raise RunningElsewhereError(f"{other} waits already, with the same parameters")
        _take_over(other)
    last = last_of(_same(job))
    if after is not None and (last is None or last.pk != after.pk or not is_unfinished(last)):
        raise RunningElsewhereError(f"nothing goes on from {after}: {last} was the last one")
    _state_after(job, last_of(runs_of(job)))


def _same(job: Job) -> BatchOperationQuerySet:
    of_the_job = BatchOperation.objects.of_type(job.name)
    if not job.recorded_parameters:
        return of_the_job.filter(input_data__isnull=True)
    return of_the_job.filter(input_data=job.recorded_parameters)


def last_of(runs: BatchOperationQuerySet) -> BatchOperation | None:
    return runs.order_by("-created_at", "-id").first()


def _last_ended(runs: BatchOperationQuerySet) -> BatchOperation | None:
    """Raises RunningElsewhereError where one of them still runs."""
    for running in runs.running():
        _take_over(running)
    return last_of(runs)


def _state_after(job: Job, run: BatchOperation | None) -> JobState:
    if job.retried_keys is not None and run is not None and not is_unfinished(run):
        raise NothingToRetryError(f"{run} has retried these items already")
    if job.remaining_is_in_data or run is None or not is_unfinished(run):
        return JobState()
    return state_of(run)


def _has_begun(operation: BatchOperation) -> bool:
    return isinstance(operation.live_data, dict) and STATE in operation.live_data


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

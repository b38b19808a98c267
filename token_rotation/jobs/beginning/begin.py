"""Begin a run where the last one of the same job and parameters ended."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from token_rotation.jobs.beginning.runs import (
    alone,
    is_share_lost,
    last_of,
    left_by,
    runs_of,
    same_runs,
    sharing,
    whole_state,
)
from token_rotation.jobs.beginning.share import share
from token_rotation.jobs.beginning.take_over import take_over
from token_rotation.jobs.collection.of_job import enumerator_of, total_of
from token_rotation.jobs.errors import LostShareError, NothingToRetryError, RunningElsewhereError
from token_rotation.jobs.job import Job
from token_rotation.jobs.record import STATE, JobRecord, state_of
from token_rotation.jobs.state import JobState, Span, together
from token_rotation.operations.lifecycle import Status
from token_rotation.operations.models import BatchOperation
from token_rotation.operations.record.queryset import BatchOperationQuerySet


@dataclass(frozen=True, slots=True)
class Begun:
    """A run that is recorded: the state that it begins with, and its items, None: unknown."""

    operation: BatchOperation
    state: JobState
    total: int | None

    @property
    def database(self) -> str:
        return JobRecord(self.operation, "").database


def begin_here(job: Job, *, restart: bool, workers: int, started_by: Any) -> list[Begun]:
    """Record the runs of this process, one for each worker.

    They begin with what the last run has left, or at the beginning where it was complete. A run
    whose process is gone is ended. Whatever that process still writes is refused. Of two that begin
    at once, one waits for the other.

    Raises RunningElsewhereError, NothingToRetryError, CollectionError, LostShareError.
    """
    total = total_of(job) if workers == 1 else None
    with alone(job):
        _end_those_gone(runs_of(job))
        begun = []
        begin_with = JobState() if restart else left_by_now(job)
        for state, items in shares(job, begin_with, workers, total):
            operation = BatchOperation.objects.create_synchronous(
                job.name,
                input_data=job.recorded_parameters or None,
                started_by=started_by,
                group_name=job.name,
            )
            JobRecord(operation, "").write(state, items)
            begun.append(Begun(operation, state, items))
    return begun


def begin_in_worker(job: Job, operation: BatchOperation) -> JobState:
    """Return the state with which an attempt begins, as ``begin_here`` does.

    That of the attempt before, if there was one. Raises RunningElsewhereError.
    """
    if isinstance(operation.live_data, dict) and STATE in operation.live_data:
        return _still_its_own(job, operation)
    total = total_of(job)
    with alone(job):
        _end_those_gone(runs_of(job).exclude(pk=operation.pk))
        (state, items), *_ = shares(job, left_by_now(job), 1, total)
        JobRecord(operation, operation.runner).write(state, items)
    return state


def left_by_now(job: Job) -> JobState:
    """Return what a run would begin with now, whoever is running.

    Raises NothingToRetryError, and LostShareError where nobody knows what the last run has left.
    """
    last = last_of(runs_of(job))
    if last is not None and is_share_lost(last) and not job.remaining_is_in_data:
        raise LostShareError(
            f"the record of a share of {last} is gone, and with it which items are left. Nothing "
            f"was begun. To begin at the beginning: run_job {job.name} --restart"
        )
    left = [] if last is None else left_by(last)
    if job.retried_keys is not None and last is not None and not left:
        raise NothingToRetryError(f"{last} has retried these items already")
    if last is None or not left or job.remaining_is_in_data:
        return JobState()
    spans = tuple(span for each in left for span in state_of(each).spans)
    return replace(whole_state(last), spans=spans)


def shares(
    job: Job, state: JobState, workers: int, total: int | None
) -> list[tuple[JobState, int | None]]:
    """Return the state of each worker, and its items. Raises CollectionError."""
    if workers == 1 and state.spans == (Span(state.cursor),):
        return [(state, total)]
    return [*share(state, enumerator_of(job), workers)]


def ensure_no_other(job: Job, *, after: BatchOperation | None = None) -> None:
    """Raise RunningElsewhereError where the same run waits or works already.

    Also where ``after``, which it is to go on from, is not of the last one, or that is complete.
    Raises NothingToRetryError where the same retry is complete.
    """
    for other in same_runs(job).exclude(status=Status.FINISHED):
        if other.status == Status.UNPROCESSED:
            raise RunningElsewhereError(f"{other} waits already, with the same parameters")
        take_over(other)
    last = last_of(same_runs(job))
    if after is not None and (last is None or after not in sharing(last) or not left_by(last)):
        raise RunningElsewhereError(f"nothing goes on from {after}: {last} was the last one")
    left_by_now(job)


def complete_of_all(job: Job, record: JobRecord, state: JobState) -> JobState | None:
    """Store a state that is complete; return that of all, if this was the last of its split."""
    if not state.split:
        return state
    with alone(job):
        record.write(state)
        states = [state_of(each) for each in sharing(record.operation)]
    is_last = len(states) == state.shares and all(each.is_complete for each in states)
    return together(states) if is_last else None


def _end_those_gone(runs: BatchOperationQuerySet) -> None:
    """Raises RunningElsewhereError where one of them still runs."""
    for running in runs.running():
        take_over(running)


def _still_its_own(job: Job, operation: BatchOperation) -> JobState:
    """Return its state, unless another run took it over while this one waited for a worker."""
    state = state_of(operation)
    if state.split:
        with alone(job):
            last = last_of(runs_of(job))
        if last is not None and state_of(last).split != state.split:
            raise RunningElsewhereError(f"{last} went on with what {operation} had left")
    return state

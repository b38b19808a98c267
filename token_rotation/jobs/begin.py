"""Begin a run where the last one of the same job and parameters ended."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from django.db import connections, router, transaction

from token_rotation.jobs.collection.of_job import enumerator_of
from token_rotation.jobs.errors import RunningElsewhereError
from token_rotation.jobs.job import Job
from token_rotation.jobs.outcome import is_unfinished
from token_rotation.jobs.record import STATE, JobRecord, state_of
from token_rotation.jobs.share import share
from token_rotation.jobs.state import JobState, together
from token_rotation.jobs.take_over import take_over
from token_rotation.operations.models import BatchOperation
from token_rotation.operations.record.queryset import BatchOperationQuerySet
from token_rotation.postgres.text_cursor import django_cursor
from token_rotation.sql.single_start import wait_for_other_start


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

    Raises RunningElsewhereError, CollectionError.
    """
    total = job.count() if workers == 1 else None
    with alone(job):
        left = _left_by_ended(job, _runs(job))
        begun = []
        for state, items in shares(job, JobState() if restart else left, workers, total):
            operation = BatchOperation.objects.create_synchronous(
                job.name,
                input_data=job.parameters or None,
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
    if _has_begun(operation):
        return _still_its_own(job, operation)
    total = job.count()
    with alone(job):
        left = _left_by_ended(job, _runs(job).exclude(pk=operation.pk))
        (state, items), *_ = shares(job, left, 1, total)
        JobRecord(operation, operation.runner).write(state, items)
    return state


def left_by_ended(job: Job) -> JobState:
    """Return what a run would begin with, inside ``alone``. Raises RunningElsewhereError."""
    return _left_by_ended(job, _runs(job))


def left_by_now(job: Job) -> JobState:
    """Return what a run would begin with now, whoever is running."""
    return _left(job, _runs(job))


def shares(
    job: Job, state: JobState, workers: int, total: int | None
) -> list[tuple[JobState, int | None]]:
    """Return the state of each worker, and its items. Raises CollectionError."""
    if workers == 1 and state.spans[1:] == () and state.spans[0].until is None:
        return [(state, total)]
    return [*share(state, enumerator_of(job), workers)]


def complete_of_all(job: Job, record: JobRecord, state: JobState) -> JobState | None:
    """Store that this run is complete; return the state of all, if it was the last of its split."""
    if not state.split:
        return state
    with alone(job):
        record.write(replace(state, is_complete=True))
        states = [state_of(each) for each in _of_split(_runs(job), state.split)]
    return together(states) if all(each.is_complete for each in states) else None


@contextmanager
def alone(job: Job) -> Iterator[None]:
    """Let no other run of the job begin, here or elsewhere, while inside: one transaction."""
    database = router.db_for_write(BatchOperation)
    with transaction.atomic(using=database):
        with django_cursor(connections[database]) as cursor:
            cursor.execute(wait_for_other_start(), {"label": f"job {job.name}"})
        yield


def _runs(job: Job) -> BatchOperationQuerySet:
    """Those that have begun, of the same parameters."""
    of_the_job = BatchOperation.objects.of_type(job.name).filter(live_data__has_key=STATE)
    if not job.parameters:
        return of_the_job.filter(input_data__isnull=True)
    return of_the_job.filter(input_data=job.parameters)


def _of_split(runs: BatchOperationQuerySet, split: str) -> BatchOperationQuerySet:
    return runs.filter(**{f"live_data__{STATE}__split": split})


def _last(runs: BatchOperationQuerySet) -> BatchOperation | None:
    return runs.order_by("-created_at", "-id").first()


def _left_by_ended(job: Job, runs: BatchOperationQuerySet) -> JobState:
    """Raises RunningElsewhereError where one of them still runs."""
    for running in runs.running():
        take_over(running)
    return _left(job, runs)


def _left(job: Job, runs: BatchOperationQuerySet) -> JobState:
    last = _last(runs)
    if last is None or job.remaining_is_in_data:
        return JobState()
    split = state_of(last).split
    siblings = _of_split(runs, split) if split else [last]
    return together([state_of(each) for each in siblings if is_unfinished(each)])


def _has_begun(operation: BatchOperation) -> bool:
    return isinstance(operation.live_data, dict) and STATE in operation.live_data


def _still_its_own(job: Job, operation: BatchOperation) -> JobState:
    """Return its state, unless another run took it over while this one waited for a worker."""
    state = state_of(operation)
    if state.split:
        with alone(job):
            last = _last(_runs(job))
        if last is not None and state_of(last).split != state.split:
            raise RunningElsewhereError(f"{last} went on with what {operation} had left")
    return state

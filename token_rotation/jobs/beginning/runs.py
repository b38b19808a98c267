"""The recorded runs of a job, and what they have left."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connections, router, transaction

from token_rotation.jobs.job import Job
from token_rotation.jobs.outcome import is_unfinished
from token_rotation.jobs.record import STATE, state_of
from token_rotation.jobs.state import JobState, together
from token_rotation.operations.models import BatchOperation
from token_rotation.operations.record.queryset import BatchOperationQuerySet
from token_rotation.postgres.text_cursor import django_cursor
from token_rotation.sql.single_start import wait_for_other_start


@contextmanager
def alone(job: Job) -> Iterator[None]:
    """Let no other run of the job begin, here or elsewhere, while inside: one transaction."""
    database = router.db_for_write(BatchOperation)
    with transaction.atomic(using=database):
        with django_cursor(connections[database]) as cursor:
            cursor.execute(wait_for_other_start(), {"label": f"job {job.name}"})
        yield


def same_runs(job: Job) -> BatchOperationQuerySet:
    """Return the runs of the same parameters, those that wait as well."""
    of_the_job = BatchOperation.objects.of_type(job.name)
    if not job.recorded_parameters:
        return of_the_job.filter(input_data__isnull=True)
    return of_the_job.filter(input_data=job.recorded_parameters)


def runs_of(job: Job) -> BatchOperationQuerySet:
    """Return the runs of the same parameters that have begun, or have their share."""
    return same_runs(job).filter(live_data__has_key=STATE)


def last_of(runs: BatchOperationQuerySet) -> BatchOperation | None:
    return runs.order_by("-created_at", "-id").first()


def sharing(run: BatchOperation) -> list[BatchOperation]:
    """Return the run, and those that share the job with it."""
    split = state_of(run).split
    if not split:
        return [run]
    others = BatchOperation.objects.of_type(run.operation_type)
    return list(others.filter(**{f"live_data__{STATE}__split": split}).order_by("pk"))


def is_share_lost(run: BatchOperation) -> bool:
    """Return True where the record of a share is gone, so that nobody knows what it has left."""
    return len(sharing(run)) < state_of(run).shares


def left_by(run: BatchOperation) -> list[BatchOperation]:
    """Return those of a run's shares that another run goes on with."""
    return [each for each in sharing(run) if is_unfinished(each)]


def whole_state(run: BatchOperation) -> JobState:
    """Return how far a run has come, with those that share the job with it."""
    return together([state_of(each) for each in sharing(run)])

"""Hand a job out to Celery workers, one operation for each."""

from __future__ import annotations

from django.db import router

from token_rotation.jobs.begin import alone, left_by_ended, shares
from token_rotation.jobs.collection.of_job import enumerator_of
from token_rotation.jobs.job import Job
from token_rotation.jobs.record import STATE
from token_rotation.operations.actions.registry import registry
from token_rotation.operations.execution.dispatch import Dispatch
from token_rotation.operations.execution.run import run_asynchronous
from token_rotation.operations.models import BatchOperation
from token_rotation.operations.queue.broker import ensure_broker


def hand_out(job: Job, *, workers: int = 1) -> list[BatchOperation]:
    """Let workers run the job, from where the last run ended; return what they wait with.

    A lone worker decides itself where it begins. Several have shared the keys out before.

    Raises UnavailableError, RunningElsewhereError, CollectionError.
    """
    enumerator_of(job)
    if workers == 1:
        return [run_asynchronous(job.name, **job.parameters)]
    ensure_broker()
    group, operations = registry.get(job.name), []
    with alone(job):
        for state, items in shares(job, left_by_ended(job), workers, None):
            operation = BatchOperation.objects.create_asynchronous(
                job.name,
                input_data=job.parameters or None,
                group_name=job.name,
                progress_total=items,
                countdown=0,
            )
            operation.live_data = {STATE: state.as_json()}
            operation.save(update_fields=["live_data"], using=router.db_for_write(BatchOperation))
            Dispatch(operation, group, 0).on_commit()
            operations.append(operation)
    return operations

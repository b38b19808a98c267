"""Hand a job to Celery workers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from token_rotation.jobs.collection.of_job import enumerator_of
from token_rotation.jobs.errors import ParametersError
from token_rotation.jobs.job import Job
from token_rotation.jobs.parameters.files import delete, store, stored_in
from token_rotation.jobs.parameters.given import job_with
from token_rotation.operations.actions.registry import registry
from token_rotation.operations.execution.dispatch import Dispatch
from token_rotation.operations.models import BatchOperation
from token_rotation.operations.queue.broker import ensure_broker


def hand_out(kind: type[Job], values: Mapping[str, Any], *, started_by: Any = None) -> Any:
    """Let workers run the job with these parameters; return its operation.

    A file is stored for them first. If this process dies before it sends the message, that is sent
    again; a file without an operation is deleted when it is old.

    Raises ParametersError, FileStorageError, CollectionError and UnavailableError; nothing is
    stored then.
    """
    with job_with(kind, values) as job:
        ensure_no_secret(job)
        enumerator_of(job)
        ensure_broker()
        recorded = store(job, values)
        new = set(stored_in(recorded)) - set(stored_in(values))
        try:
            operation = BatchOperation.objects.create_asynchronous(
                kind.name,
                input_data=recorded or None,
                started_by=started_by,
                countdown=0,
                group_name=kind.name,
            )
        except BaseException:
            delete(new)
            raise
    Dispatch(operation, registry.get(kind.name), 0).on_commit()
    return operation


def ensure_no_secret(job: Job) -> None:
    """Raise ParametersError where a parameter is one that no record may hold."""
    if job.secrets:
        raise ParametersError(
            f"{job.name}: a secret parameter is in no record, so no worker can have it; "
            "run it without --async, or let the job read the secret from where it is kept"
        )

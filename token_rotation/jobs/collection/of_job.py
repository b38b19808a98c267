"""What a job goes through, as it declares it."""

from __future__ import annotations

from django.db.models import QuerySet

from token_rotation.jobs.collection.enumerator import Enumerator
from token_rotation.jobs.collection.rows import Rows
from token_rotation.jobs.errors import CollectionError
from token_rotation.jobs.job import Job


def enumerator_of(job: Job) -> Enumerator:
    """Return the job's enumerator; that of its queryset. Raises CollectionError."""
    collection = job.collection()
    if isinstance(collection, QuerySet):
        return Rows(collection, lock=job.atomic, only_keys=job.retried_keys)
    if job.retried_keys is not None:
        raise CollectionError(
            f"{job.name}: only rows of a queryset can be retried by themselves; "
            "run it again without a retry to go through all"
        )
    if not isinstance(collection, Enumerator):
        raise CollectionError(
            f"{job.name}: collection() has returned a {type(collection).__name__}; it returns a "
            "queryset, a CsvFile or an enumerator"
        )
    return collection


def total_of(job: Job) -> int | None:
    """Return how many items a run goes through; None: unknown. Raises CollectionError."""
    enumerator_of(job)
    return job.count() if job.retried_keys is None else len(job.retried_keys)

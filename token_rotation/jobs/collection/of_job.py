"""What a job goes through, as it declares it."""

from __future__ import annotations

from django.db.models import QuerySet

from token_rotation.jobs.collection.enumerator import Enumerator
from token_rotation.jobs.collection.rows import Rows
from token_rotation.jobs.job import Job


def enumerator_of(job: Job) -> Enumerator:
    """Return the job's enumerator; that of its queryset. Raises CollectionError."""
    collection = job.collection()
    return Rows(collection, lock=job.atomic) if isinstance(collection, QuerySet) else collection

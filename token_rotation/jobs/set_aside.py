"""Process the items alone that a run has set aside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from token_rotation.jobs.beginning.runs import last_of, left_by, runs_of, whole_state
from token_rotation.jobs.errors import NothingToRetryError
from token_rotation.jobs.job import Job
from token_rotation.jobs.parameters.form import RETRIED
from token_rotation.operations.models import BatchOperation


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a record says of a run: its parameters, and whose items it retries, if any."""

    parameters: dict[str, Any]
    retried: int | None


def read_recorded(input_data: Any) -> Recorded:
    values = dict(input_data) if isinstance(input_data, Mapping) else {}
    retried = values.pop(RETRIED, None)
    return Recorded(values, retried if isinstance(retried, int) else None)


def choose_set_aside(job: Job) -> int:
    """Let the job process what its last complete run with these parameters has set aside.

    Of a retry that set items aside, these come next; one that was stopped goes on. Each item is
    processed once: a retry that is complete is not repeated. Returns how many more cannot be
    retried, because the record does not name them. Raises NothingToRetryError.
    """
    source = _last(job)
    if source is None:
        raise NothingToRetryError(f"{job.name} has not run with these parameters")
    if left_by(source):
        raise NothingToRetryError(
            f"{source} is not complete; run the job again without a retry: it goes on from there"
        )
    parameters = job.recorded_parameters
    while True:
        job.recorded_parameters = {**parameters, RETRIED: source.pk}
        retry = _last(job)
        if retry is None or left_by(retry):
            return retry_alone(job, source)
        source = retry


def retry_alone(job: Job, source: BatchOperation) -> int:
    """Let the job process what this run has set aside, as ``choose_set_aside`` does."""
    state = whole_state(source)
    if not state.set_aside:
        raise NothingToRetryError(f"{source} has set no item aside")
    job.retried_keys = tuple(each.key for each in state.set_aside)
    return state.unnamed


def restore(job: Job, recorded: Recorded) -> None:
    """Let a job that is made from a record retry what it was made for.

    Raises NothingToRetryError where the other record is gone.
    """
    if recorded.retried is None:
        return
    source = BatchOperation.objects.of_type(job.name).filter(pk=recorded.retried).first()
    if source is None:
        raise NothingToRetryError(f"operation {recorded.retried}, which named the items, is gone")
    retry_alone(job, source)


def _last(job: Job) -> BatchOperation | None:
    return last_of(runs_of(job))

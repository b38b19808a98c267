"""How an attempt at a job ended without an error, and what is stored of it."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from typing import Any

from token_rotation.jobs.job import Job
from token_rotation.jobs.parameters.form import hide
from token_rotation.jobs.state import JobState
from token_rotation.operations.failures.describe import describe
from token_rotation.operations.models import BatchOperation
from token_rotation.operations.stored_output import StoredError


class Outcome(StrEnum):
    COMPLETE = "complete"
    STOPPED = "stopped"
    UNFINISHED = "unfinished"


def result_value(state: JobState, outcome: Outcome | None) -> dict[str, Any]:
    """Return the value of a job's result; ``outcome`` is None where it failed."""
    stored = state.as_json()
    return {**{key: stored[key] for key in ("done", "failed", "set_aside")}, "outcome": outcome}


def is_unfinished(operation: BatchOperation) -> bool:
    """Return True where another run goes on from its state."""
    values = [each.value for each in operation.results if isinstance(each.value, dict)]
    return not any(value.get("outcome") == Outcome.COMPLETE for value in values)


def described(job: Job, error: Exception) -> StoredError:
    """Describe an error as ``describe`` does, and without the job's secret parameters."""
    said = describe(error)
    if not job.secret_values:
        return said
    message, traceback = (
        hide(said.message, job.secret_values),
        hide(said.traceback, job.secret_values),
    )
    return replace(said, message=message, traceback=traceback, data=None)

"""A job in a Celery worker: an attempt after another, each well below the time limit."""

from __future__ import annotations

from typing import Any, ClassVar

from token_rotation.jobs.attempt import Attempt
from token_rotation.jobs.begin import begin_in_worker, complete_of_all
from token_rotation.jobs.job import Job
from token_rotation.jobs.outcome import Outcome, result_value
from token_rotation.jobs.pace import JobPace, WorkerPace
from token_rotation.jobs.record import BEAT_SECONDS, JobRecord
from token_rotation.operations.actions.action import Action
from token_rotation.operations.errors import NextAttemptError
from token_rotation.operations.models import BatchOperation
from token_rotation.operations.queue.limits import attempt_seconds
from token_rotation.stop import StopSignal


class JobAction(Action):
    """Goes through a job for a while, and leaves the rest to the next attempt."""

    job: ClassVar[type[Job]]
    beat_every_seconds = BEAT_SECONDS

    def execute(self, operation: BatchOperation) -> Any:
        job = self.job(**(operation.input_data or {}))
        state = begin_in_worker(job, operation)
        record = JobRecord(operation, operation.runner)
        pace = JobPace(job, record.database)
        attempt = Attempt(
            job,
            record,
            state,
            WorkerPace(job, pace),
            stop=StopSignal(),
            at_most_seconds=attempt_seconds(),
        )
        with pace.measuring():
            outcome = attempt.run()
        if outcome is Outcome.UNFINISHED:
            raise NextAttemptError(f"{operation} goes on in the next attempt")
        if outcome is Outcome.COMPLETE:
            whole = complete_of_all(job, record, attempt.state)
            if whole is not None:
                job.after_complete(whole)
        return result_value(attempt.state, outcome)


def action_of(job: type[Job]) -> type[JobAction]:
    """Return the action that runs the job in a worker."""
    attributes = {"__module__": job.__module__, "name": job.name, "job": job}
    return type(f"{job.__name__}Action", (JobAction,), attributes)

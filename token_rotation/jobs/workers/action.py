"""A job in a Celery worker: an attempt after another, each well below the time limit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

from token_rotation.jobs.attempts.attempt import Attempt
from token_rotation.jobs.attempts.pace import JobPace, WorkerPace
from token_rotation.jobs.beginning.begin import begin_in_worker, complete_of_all
from token_rotation.jobs.errors import NeedsApprovalError
from token_rotation.jobs.job import Job
from token_rotation.jobs.log import approval_of
from token_rotation.jobs.outcome import Outcome, result_value
from token_rotation.jobs.parameters.given import job_with
from token_rotation.jobs.parameters.storing import delete, stored_in
from token_rotation.jobs.record import BEAT_SECONDS, JobRecord
from token_rotation.jobs.set_aside import read_recorded, restore
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
        if self.job.needs_approval and approval_of(operation) is None:
            raise NeedsApprovalError(f"nobody has approved {operation}")
        record = JobRecord(operation, operation.runner)
        if not record.is_complete:
            recorded = read_recorded(operation.input_data)
            with job_with(self.job, recorded.parameters) as job:
                restore(job, recorded)
                job.recorded_parameters = dict(operation.input_data or {})
                outcome = self._attempt(job, record)
            if outcome is not Outcome.COMPLETE:
                return result_value(record.state, outcome)
        delete(stored_in(operation.input_data))
        return result_value(record.state, Outcome.COMPLETE)

    def _attempt(self, job: Job, record: JobRecord) -> Outcome:
        state = begin_in_worker(job, record.operation)
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
            raise NextAttemptError(f"{record.operation} goes on in the next attempt")
        if outcome is Outcome.COMPLETE:
            state = replace(attempt.state, is_complete=True)
            whole = complete_of_all(job, record, state)
            if whole is not None:
                job.after_complete(whole)
            record.complete(state)
        return outcome


def action_of(job: type[Job]) -> type[JobAction]:
    """Return the action that runs the job in a worker."""
    attributes = {"__module__": job.__module__, "name": job.name, "job": job}
    return type(f"{job.__name__}Action", (JobAction,), attributes)

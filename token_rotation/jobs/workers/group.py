"""The group of actions that a job is, for workers."""

from __future__ import annotations

from dataclasses import replace

from token_rotation.jobs.job import Job
from token_rotation.jobs.parameters.given import job_with
from token_rotation.jobs.workers.action import action_of
from token_rotation.jobs.workers.hand_out import ensure_no_secret, needs_approval
from token_rotation.operations.actions.group import ActionGroup, OperationOptions


class JobGroup(ActionGroup):
    """Checks the parameters of each run before it is stored. Raises JobError."""

    def __init__(self, job: type[Job]) -> None:
        super().__init__(job.name, actions=[action_of(job)])
        self._job = job

    def get_options(self, options: OperationOptions) -> OperationOptions:
        if self._job.needs_approval:
            raise needs_approval(self._job)
        with job_with(self._job, options.input_data or {}) as job:
            ensure_no_secret(job)
            return replace(options, input_data=job.recorded_parameters or None)

"""Run a job in this process."""

from __future__ import annotations

import time
from typing import Any

from token_rotation.jobs.attempt import Attempt
from token_rotation.jobs.begin import begin_here
from token_rotation.jobs.collection.of_job import enumerator_of
from token_rotation.jobs.job import Job
from token_rotation.jobs.outcome import Outcome, described, result_value
from token_rotation.jobs.parameters.given import job_with
from token_rotation.jobs.record import BEAT_SECONDS, JobRecord
from token_rotation.jobs.registry import job_named
from token_rotation.jobs.retries import Retries
from token_rotation.jobs.set_aside import choose_set_aside
from token_rotation.jobs.state import JobState
from token_rotation.jobs.workers.hand_out import needs_approval
from token_rotation.operations.errors import NotRunningError
from token_rotation.operations.execution.heartbeat import beating
from token_rotation.operations.models import BatchOperation
from token_rotation.operations.results import FAILED, SUCCESSFUL
from token_rotation.operations.stored_output import UNFINISHED
from token_rotation.stop import StopSignal

STOPPED = "stopped on request; another run goes on from here"


class Watcher:
    """Is told of a run in this process; this one says nothing of it."""

    def begin(
        self, operation: BatchOperation, state: JobState, total: int | None, *, exactly_once: bool
    ) -> None:
        """Hear of the beginning.

        ``exactly_once``: no item is processed again after a kill.
        """

    def reach(self, state: JobState) -> None:
        """Hear of a batch that is stored."""


def run_job(
    name: str,
    *,
    stop: StopSignal,
    restart: bool = False,
    retry_set_aside: bool = False,
    started_by: Any = None,
    watcher: Watcher | None = None,
    **parameters: Any,
) -> BatchOperation:
    """Run the job until its end, or until ``stop``; return the finished operation.

    It begins where the last run with the same parameters ended, unless that was complete, or with
    ``restart`` at the beginning. With ``retry_set_aside`` it processes what that run set aside.

    Raises UnknownJobError, ParametersError, NeedsApprovalError, NothingToRetryError,
    RunningElsewhereError, CollectionError, TooManySetAsideError, and what the job raises, after the
    operation was finished as failed.
    """
    with job_with(job_named(name), parameters) as job:
        if retry_set_aside:
            choose_set_aside(job)
        return run_here(job, stop=stop, restart=restart, started_by=started_by, watcher=watcher)


def run_here(
    job: Job,
    *,
    stop: StopSignal,
    restart: bool = False,
    started_by: Any = None,
    watcher: Watcher | None = None,
) -> BatchOperation:
    """Run a job that has its parameters, as ``run_job`` does."""
    watcher = watcher or Watcher()
    if job.needs_approval:
        raise needs_approval(type(job))
    enumerator_of(job)  # refused before anything is recorded
    operation, state, total = begin_here(job, restart=restart, started_by=started_by)
    record = JobRecord(operation, "")
    attempt = Attempt(job, record, state, stop=stop, observe=watcher.reach)
    watcher.begin(operation, state, total, exactly_once=attempt.is_exactly_once)
    began_at = time.monotonic()
    try:
        with beating(record.beat, interval_seconds=BEAT_SECONDS, database=record.database):
            outcome = attempt.run()
    except NotRunningError:
        raise
    except Exception as error:
        failure = {"status": FAILED, "error": described(job, error).as_json()}
        _finish(operation, job, attempt.state, began_at, result=failure)
        raise
    success = {"status": SUCCESSFUL}
    _finish(operation, job, attempt.state, began_at, result=success, outcome=outcome)
    if outcome is Outcome.COMPLETE:
        job.after_complete(attempt.state)
    return operation


def _finish(
    operation: BatchOperation,
    job: Job,
    state: JobState,
    began_at: float,
    *,
    result: dict[str, Any],
    outcome: Outcome | None = None,
) -> None:
    seconds = round(time.monotonic() - began_at, 3)
    value = result_value(state, outcome)
    action = {"action": operation.group_name, "seconds": seconds, "value": value, **result}
    output: dict[str, Any] = {"actions": [action]}
    if outcome is Outcome.STOPPED:
        output[UNFINISHED] = STOPPED
    elif state.failed:
        output[UNFINISHED] = f"{state.failed} items were set aside"
    retries = Retries(job, StopSignal())
    while True:
        try:
            return operation.finish(failed=outcome is None, output_data=output)
        except job.retry_for as error:
            retries.wait_after(error)

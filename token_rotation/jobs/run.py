"""Run a job in this process."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol

from django.db.models import QuerySet

from token_rotation.jobs.batch import Batches
from token_rotation.jobs.begin import BEAT_SECONDS, begin
from token_rotation.jobs.collection.enumerator import Enumerator
from token_rotation.jobs.collection.rows import Rows
from token_rotation.jobs.job import Job
from token_rotation.jobs.loop import JobLoop, Outcome
from token_rotation.jobs.pace import JobPace
from token_rotation.jobs.record import JobRecord
from token_rotation.jobs.registry import job_named
from token_rotation.jobs.state import JobState
from token_rotation.operations.errors import NotRunningError
from token_rotation.operations.execution.heartbeat import beating
from token_rotation.operations.failures.describe import describe
from token_rotation.operations.models import BatchOperation
from token_rotation.operations.results import FAILED, SUCCESSFUL
from token_rotation.operations.stored_output import UNFINISHED
from token_rotation.stop import StopSignal

STOPPED = "stopped on request; another run goes on from here"


class Watcher(Protocol):
    """Somebody who is told of a run in this process."""

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
    started_by: Any = None,
    watcher: Watcher | None = None,
    **parameters: Any,
) -> BatchOperation:
    """Run the job until its end, or until ``stop``; return the finished operation.

    It begins where the last run with the same parameters ended, unless that was complete, or with
    ``restart`` at the beginning.

    Raises UnknownJobError, RunningElsewhereError, CollectionError, TooManySetAsideError, and what
    the job raises, after the operation was finished as failed.
    """
    job = job_named(name)(**parameters)
    enumerator = enumerator_of(job)
    operation, state = begin(name, parameters, restart=restart, started_by=started_by)
    record = JobRecord(operation, "", keeps_cursor=not job.remaining_is_in_data)
    total = job.count()
    record.write(state, total)
    pace = JobPace(job, record.database)
    batches = Batches(job, enumerator, record)
    loop = JobLoop(job, batches, record, pace, stop=stop, observe=_reaching(watcher))
    if watcher is not None:
        watcher.begin(operation, state, total, exactly_once=batches.is_exactly_once)
    began_at = time.monotonic()
    try:
        with beating(record.beat, interval_seconds=BEAT_SECONDS, database=record.database):
            job.after_start(state)
            outcome = loop.run()
    except NotRunningError:
        raise
    except Exception as error:
        job.after_error(loop.state, error)
        result = {"status": FAILED, "error": describe(error).as_json()}
        _finish(record, loop.state, began_at, failed=True, result=result)
        raise
    result = {"status": SUCCESSFUL}
    _finish(record, loop.state, began_at, failed=False, result=result, outcome=outcome)
    if outcome is Outcome.COMPLETE:
        job.after_complete(loop.state)
    return operation


def _reaching(watcher: Watcher | None) -> Callable[[JobState], None]:
    return (lambda _: None) if watcher is None else watcher.reach


def enumerator_of(job: Job) -> Enumerator:
    """Return what the job goes through. Raises CollectionError."""
    collection = job.collection()
    if isinstance(collection, QuerySet):
        return Rows(collection, lock=job.atomic)
    return collection


def _finish(
    record: JobRecord,
    state: JobState,
    began_at: float,
    *,
    failed: bool,
    result: dict[str, Any],
    outcome: Outcome | None = None,
) -> None:
    seconds = round(time.monotonic() - began_at, 3)
    value = {key: each for key, each in state.as_json().items() if key != "cursor"}
    action = {"action": record.operation.group_name, "seconds": seconds, "value": value, **result}
    output: dict[str, Any] = {"actions": [action]}
    if outcome is not None:
        output["outcome"] = outcome
    if outcome is Outcome.STOPPED:
        output[UNFINISHED] = STOPPED
    elif state.failed:
        output[UNFINISHED] = f"{state.failed} items were set aside"
    record.operation.finish(failed=failed, output_data=output)

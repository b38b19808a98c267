"""Ask running jobs to stop, to pause or to go on, through their records."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum

from token_rotation import wording
from token_rotation.jobs.job import Job
from token_rotation.jobs.workers.withdraw import withdraw_waiting
from token_rotation.operations.errors import NotRunningError
from token_rotation.operations.models import BatchOperation
from token_rotation.pacing.pace import Pace, pace_asked_for


class Request(StrEnum):
    """What a running job can be asked for."""

    STOP = "stop"
    PAUSE = "pause"
    RESUME = "resume"


MEANING = {
    Request.STOP: "stop after the batch",
    Request.PAUSE: "pause after the batch",
    Request.RESUME: "go on",
}


def ask_as_sentence(job: type[Job], request: Request) -> str:
    """Ask all running runs of the job, and say how many hear it. A stop ends waiting ones too."""
    withdrawn = withdraw_waiting(job) if request is Request.STOP else 0
    asked = ask_running(job, request)  # after: it hears those that have begun meanwhile
    said = []
    if asked:
        said.append(f"Asked {_runs(job, asked)} to {MEANING[request]}.")
    if withdrawn:
        said.append(f"Withdrew {_runs(job, withdrawn)} that no worker had begun.")
    return " ".join(said) or f"{job.name} is not running."


def _runs(job: type[Job], number: int) -> str:
    return wording.things(number, f"run of {job.name}", f"runs of {job.name}")


def ask_running(job: type[Job], request: Request) -> int:
    """Ask all running runs of the job; return how many hear it, after their batch."""
    running = BatchOperation.objects.of_type(job.name).running()
    if request is Request.STOP:
        return running.request_stop()
    return sum(_heard(job, each, request) for each in running)


def ask(job: type[Job], operation: BatchOperation, request: Request) -> None:
    """Ask one run. Raises NotRunningError."""
    if request is Request.STOP:
        return operation.request_stop()
    pace = pace_asked_for(operation.control_data) or Pace(traffic_budget_ms=job.traffic_budget_ms)
    return operation.control(replace(pace, paused=request is Request.PAUSE).as_word())


def _heard(job: type[Job], operation: BatchOperation, request: Request) -> bool:
    try:
        ask(job, operation, request)
    except NotRunningError:
        return False
    return True

"""Ask running jobs to stop, to pause or to go on, through their records."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum

from token_rotation.jobs.job import Job
from token_rotation.operations.errors import NotRunningError
from token_rotation.operations.models import BatchOperation
from token_rotation.pacing.pace import Pace, pace_asked_for


class Request(StrEnum):
    """What a running job can be asked for."""

    STOP = "stop"
    PAUSE = "pause"
    RESUME = "resume"


def ask_running(job: type[Job], request: Request) -> int:
    """Ask all running runs of the job; return how many hear it, after their batch."""
    running = BatchOperation.objects.of_type(job.name).running()
    if request is Request.STOP:
        return running.request_stop()
    return sum(_set_paused(job, each, paused=request is Request.PAUSE) for each in running)


def _set_paused(job: type[Job], operation: BatchOperation, *, paused: bool) -> bool:
    pace = pace_asked_for(operation.control_data) or Pace(traffic_budget_ms=job.traffic_budget_ms)
    try:
        operation.control(replace(pace, paused=paused).as_word())
    except NotRunningError:
        return False
    return True

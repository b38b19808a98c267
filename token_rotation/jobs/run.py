"""Run a job in this process."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import Any

from django.db import connections

from token_rotation.jobs.begin import Begun, begin_here
from token_rotation.jobs.collection.of_job import enumerator_of
from token_rotation.jobs.job import Job
from token_rotation.jobs.outcome import Outcome
from token_rotation.jobs.pace import JobPace, WorkerPace
from token_rotation.jobs.registry import job_named
from token_rotation.jobs.run_part import PartOfRun
from token_rotation.jobs.state import JobState, together
from token_rotation.operations.models import BatchOperation
from token_rotation.stop import StopSignal, answering_signals


@dataclass(frozen=True, slots=True)
class JobRun:
    """What a run in this process came to: an operation for each worker, and all of their work."""

    operations: tuple[BatchOperation, ...]
    state: JobState
    is_complete: bool


class Watcher:
    """Is told of a run in this process; this one says nothing of it."""

    def begin(self, begun: Sequence[Begun], *, exactly_once: bool) -> None:
        """Hear of the beginning.

        ``exactly_once``: no item is processed again after a kill.
        """

    def reach(self, rank: int, state: JobState) -> None:
        """Hear of a batch that the worker of this rank has stored. Threads may call it."""


def run_job(
    name: str,
    *,
    stop: StopSignal,
    restart: bool = False,
    workers: int = 1,
    started_by: Any = None,
    watcher: Watcher | None = None,
    **parameters: Any,
) -> JobRun:
    """Run the job until its end, or until ``stop``.

    It begins where the last run with the same parameters ended, unless that was complete, or with
    ``restart`` at the beginning. ``workers`` threads share the keys out, each with an instance of
    the job and an operation of its own. When one fails, the others end after their batch.

    Raises UnknownJobError, RunningElsewhereError, CollectionError, TooManySetAsideError, and what
    the job raises, after the operation was finished as failed.
    """
    return run_here(
        job_named(name)(**parameters),
        stop=stop,
        restart=restart,
        workers=workers,
        started_by=started_by,
        watcher=watcher,
    )


def run_here(
    job: Job,
    *,
    stop: StopSignal,
    restart: bool = False,
    workers: int = 1,
    started_by: Any = None,
    watcher: Watcher | None = None,
) -> JobRun:
    """Run a job that has its parameters, as ``run_job`` does."""
    watcher = watcher or Watcher()
    enumerator_of(job)  # refused before anything is recorded
    begun = begin_here(job, restart=restart, workers=workers, started_by=started_by)
    pace = JobPace(job, begun[0].database, workers=len(begun))
    parts = [_part(job, each, pace, rank, stop, watcher) for rank, each in enumerate(begun)]
    watcher.begin(begun, exactly_once=parts[0].is_exactly_once)
    with pace.measuring():
        outcomes = _run_all(parts, stop)
    state = together([part.state for part in parts])
    is_complete = all(outcome is Outcome.COMPLETE for outcome in outcomes)
    if is_complete:
        job.after_complete(state)
    return JobRun(tuple(each.operation for each in begun), state, is_complete)


def _part(
    job: Job, begun: Begun, pace: JobPace, rank: int, stop: StopSignal, watcher: Watcher
) -> PartOfRun:
    own = job if rank == 0 else type(job)(**job.parameters)

    def reach(state: JobState) -> None:
        watcher.reach(rank, state)

    return PartOfRun(own, begun, WorkerPace(own, pace, rank=rank), stop, reach)


def _run_all(parts: Sequence[PartOfRun], stop: StopSignal) -> list[Outcome]:
    """A lone worker needs no thread. Raises the first error, when all have ended."""
    if len(parts) == 1:
        return [parts[0].run()]

    def work(part: PartOfRun) -> Outcome:
        try:
            return part.run()
        except BaseException:
            stop.request()
            raise
        finally:
            connections.close_all()

    def all_of_them() -> list[Outcome]:
        with ThreadPoolExecutor(max_workers=len(parts)) as pool:
            running = [pool.submit(work, part) for part in parts]
            return [each.result() for each in as_completed(running)]

    return answering_signals(all_of_them)

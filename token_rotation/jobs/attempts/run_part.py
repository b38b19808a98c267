"""One worker's part of a run in this process, and the end of its record."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from token_rotation.jobs.attempts.attempt import Attempt
from token_rotation.jobs.attempts.pace import WorkerPace
from token_rotation.jobs.attempts.retries import Retries
from token_rotation.jobs.beginning.begin import Begun
from token_rotation.jobs.job import Job
from token_rotation.jobs.outcome import Outcome, described, result_value
from token_rotation.jobs.record import BEAT_SECONDS, JobRecord
from token_rotation.jobs.state import JobState
from token_rotation.operations.errors import NotRunningError
from token_rotation.operations.execution.heartbeat import beating
from token_rotation.operations.results import FAILED, SUCCESSFUL
from token_rotation.operations.stored_output import UNFINISHED
from token_rotation.stop import StopSignal

STOPPED = "stopped on request; another run goes on from here"


class PartOfRun:
    """Works until an end, and finishes the operation."""

    def __init__(
        self,
        job: Job,
        begun: Begun,
        pace: WorkerPace,
        stop: StopSignal,
        observe: Callable[[JobState], None],
    ) -> None:
        self._job = job
        self._operation = begun.operation
        self._record = JobRecord(begun.operation, "")
        self._attempt = Attempt(job, self._record, begun.state, pace, stop=stop, observe=observe)

    @property
    def is_exactly_once(self) -> bool:
        return self._attempt.is_exactly_once

    @property
    def state(self) -> JobState:
        return self._attempt.state

    def run(self) -> Outcome:
        """Raises what the attempt raises, after the operation was finished as failed."""
        began_at, beat = time.monotonic(), self._record.beat
        try:
            with beating(beat, interval_seconds=BEAT_SECONDS, database=self._record.database):
                outcome = self._attempt.run()
        except NotRunningError:
            raise
        except Exception as error:
            self._finish(
                began_at, {"status": FAILED, "error": described(self._job, error).as_json()}
            )
            raise
        self._finish(began_at, {"status": SUCCESSFUL}, outcome)
        return outcome

    def _finish(
        self, began_at: float, result: dict[str, Any], outcome: Outcome | None = None
    ) -> None:
        seconds = round(time.monotonic() - began_at, 3)
        value = result_value(self.state, outcome)
        action = {"action": self._job.name, "seconds": seconds, "value": value, **result}
        output: dict[str, Any] = {"actions": [action]}
        if outcome is Outcome.STOPPED:
            output[UNFINISHED] = STOPPED
        elif self.state.failed:
            output[UNFINISHED] = f"{self.state.failed} items were set aside"
        retries = Retries(self._job, StopSignal())
        while True:
            try:
                return self._operation.finish(failed=outcome is None, output_data=output)
            except self._job.retry_for as error:
                retries.wait_after(error)

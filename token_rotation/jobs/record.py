"""The stored record of a run, as its attempt writes it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from django.db import router

from token_rotation.jobs.log import APPROVED, LOG, Notes, approval_of
from token_rotation.jobs.state import JobState, read_state
from token_rotation.operations.models import BatchOperation
from token_rotation.operations.record import origin

STATE, PROCESS, COMPLETE = "job", "process", "complete"
BEAT_SECONDS = 1.0


class JobRecord:
    """The state of a run, in the record of its operation.

    Every write is refused once another attempt has the operation, or it has ended: then nothing
    that was processed in the same transaction stays either. ``runner`` names the attempt, "" that
    of the process that created the operation.
    """

    def __init__(self, operation: BatchOperation, runner: str) -> None:
        self.operation = operation
        self._runner = runner
        self._notes = Notes(operation)
        approved = approval_of(operation)
        self._kept = {} if approved is None else {APPROVED: approved}

    @property
    def database(self) -> str:
        return router.db_for_write(BatchOperation, instance=self.operation)

    @property
    def state(self) -> JobState:
        return state_of(self.operation)

    def read(self) -> JobState:
        """Return the state as it is stored now: the answer to a lost COMMIT."""
        self.operation.refresh_from_db(using=self.database, fields=["live_data"])
        return self.state

    def write(self, state: JobState, total: int | None = None) -> bool:
        """Store the state; return True when a stop was requested. Raises NotRunningError."""
        live = {PROCESS: [origin.host(), os.getpid()], **self._live(state)}
        return self.operation.beat(state.gone, total, live, runner=self._runner)

    @property
    def is_complete(self) -> bool:
        """Return True where an attempt has come to the end, though its result may not be stored."""
        live: Any = self.operation.live_data
        return isinstance(live, dict) and live.get(COMPLETE) is True

    def complete(self, state: JobState) -> None:
        """Store that nothing is left to be done. Raises NotRunningError."""
        live = {COMPLETE: True, **self._live(state)}
        self.operation.beat(state.gone, None, live, runner=self._runner)

    def note(self, text: str) -> None:
        """Add a line to the log; it is stored with the next state."""
        self._notes.add(text)

    def _live(self, state: JobState) -> dict[str, Any]:
        return {STATE: state.as_json(), LOG: self._notes.as_json(), **self._kept}

    def beat(self) -> bool:
        """Store that the attempt is alive; return True when a stop was requested."""
        return self.operation.beat(runner=self._runner)


def state_of(operation: BatchOperation) -> JobState:
    """Return the state in an operation's record."""
    live: Any = operation.live_data
    return read_state(live.get(STATE) if isinstance(live, dict) else None)


def is_process_gone(operation: BatchOperation) -> bool:
    """Return True where the process that runs it was on this machine, and is there no more.

    Another machine may have this one's name: so nothing but a wait depends on it.
    """
    live: Any = operation.live_data
    process = live.get(PROCESS) if isinstance(live, dict) else None
    match process:
        case [str(host), int(number)] if host == origin.host():
            return not Path(f"/proc/{number}").exists() if Path("/proc/self").exists() else False
    return False

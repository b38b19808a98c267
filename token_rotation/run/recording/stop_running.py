"""Ask running rotations to stop, through their records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from token_rotation import wording
from token_rotation.errors import StatementError
from token_rotation.operations.models import BatchOperation
from token_rotation.postgres.failures import reason_of
from token_rotation.postgres.opening import own_session
from token_rotation.postgres.retrying import retry_at_once
from token_rotation.postgres.sqlstate import Fault
from token_rotation.postgres.table_locks import table_locks_after
from token_rotation.run.recording.record import DATABASE_ERRORS, OPERATION_TYPE, SILENT_FOR

TRIES = 10
"""Of a second each, where others lock the records."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Number of rotations that will hear the request.

    ``silent`` gave no sign of life for 30 seconds.
    """

    alive: int
    silent: int

    def as_sentence(self, database: str, labels: Sequence[str] = ()) -> str:
        """Say which rotations will end."""
        said = f"Asked {wording.things(self.alive, 'running rotation')} to end after its batch."
        if not self.alive:
            which = f" of {', '.join(labels)}" if labels else ""
            said = f"No rotation{which} is running on database {database!r}."
        if self.silent:
            said += f" {self.silent} more gave no sign of life for 30 s: killed, or out of reach."
        return said


def request_stop(database: str, labels: Sequence[str] = ()) -> Asked:
    """Ask running rotations to stop after their batch.

    Without ``labels``, ask all on the database; with them, only those of these targets. Raises
    StatementError where the records cannot be read or written, also for a lock of others.
    """

    def ask() -> Asked:
        silent = running.stalled(SILENT_FOR).count()
        return Asked(running.request_stop() - silent, silent)

    running = BatchOperation.objects.using(database).of_type(OPERATION_TYPE).running()
    if labels:
        running = running.filter(input_data__model__in=labels)
    try:
        with own_session(database):
            return retry_at_once(ask, on=Fault.LOCKED, tries=TRIES)
    except DATABASE_ERRORS as error:
        raise StatementError(
            f"The records of running rotations cannot be read: {reason_of(error)}"
            f"{table_locks_after(error, database)}. Nothing was stopped; Ctrl-C in its terminal, "
            "or SIGTERM, ends a rotation too"
        ) from None

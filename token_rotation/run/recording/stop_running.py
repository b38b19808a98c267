"""Ask running rotations, or runs of another kind, to stop, through their records."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from token_rotation import wording
from token_rotation.errors import NotKnownError, StatementError
from token_rotation.events import Observer
from token_rotation.operations.models import BatchOperation
from token_rotation.postgres.faults.failures import is_lost, reason_of
from token_rotation.postgres.faults.sqlstate import Fault
from token_rotation.postgres.faults.table_locks import table_locks_after
from token_rotation.postgres.opening import own_session
from token_rotation.postgres.retrying import retry_at_once
from token_rotation.run.recording.kind import ROTATIONS, Kind
from token_rotation.run.recording.record import DATABASE_ERRORS, SILENT_FOR

OTHER_WAYS = "Ctrl-C in its terminal, or SIGTERM, ends a run too"

TRIES = 10
"""Of a second each, where others lock the records."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The runs that will hear the request, by their numbers.

    ``silent`` gave no sign of life for 30 seconds. ``ended`` had no worker, or its workers heard
    the request at once.
    """

    alive: frozenset[int]
    silent: frozenset[int]
    ended: frozenset[int] = frozenset()

    def but_ended(self, ended: AbstractSet[int]) -> Asked:
        """Return the same with these as ended."""
        known = self.ended | ((self.alive | self.silent) & ended)
        return Asked(self.alive - ended, self.silent - ended, known)

    def as_sentence(
        self, database: str, labels: Sequence[str] = (), *, kind: Kind = ROTATIONS
    ) -> str:
        """Say which runs will end."""
        said: list[str] = []
        if self.alive:
            running = wording.things(len(self.alive), f"running {kind.noun}")
            said.append(f"Asked {running} to end after its batch.")
        if self.ended:
            waiting = wording.things(len(self.ended), kind.noun)
            said.append(f"Ended {waiting}, which no worker is at work on.")
        if not said:
            which = f" of {', '.join(labels)}" if labels else ""
            said.append(f"No {kind.noun}{which} is running on database {database!r}.")
        if self.silent:
            more = len(self.silent)
            said.append(f"{more} more gave no sign of life for 30 s: killed, or out of reach.")
        return " ".join(said)


def request_stop(
    database: str,
    labels: Sequence[str] = (),
    *,
    kind: Kind = ROTATIONS,
    observe: Observer = lambda _: None,
) -> Asked:
    """Ask running rotations, or runs of another kind, to stop after their batch.

    Without ``labels``, ask all on the database; with them, only those of these targets. ``observe``
    hears what a statement without an answer waits for. Raises StatementError where the records
    cannot be read or written, also for a lock of others, and NotKnownError where the server fell
    silent.
    """
    is_asking = False

    def ask() -> Asked:
        nonlocal is_asking
        is_asking = False
        silent = frozenset(running.stalled(SILENT_FOR).values_list("pk", flat=True))
        alive = frozenset(running.values_list("pk", flat=True)) - silent
        is_asking = True
        running.request_stop()
        return Asked(alive, silent)

    running = BatchOperation.objects.using(database).of_type(kind.operation_type).running()
    if labels:
        running = running.filter(input_data__model__in=labels)
    try:
        with own_session(database, observe=observe):
            return retry_at_once(ask, on=Fault.LOCKED, tries=TRIES)
    except DATABASE_ERRORS as error:
        if is_asking and is_lost(error):
            raise NotKnownError(
                f"It is not known whether running {kind.noun}s were asked to stop: "
                f"{reason_of(error)}. Run the same command again; {OTHER_WAYS}"
            ) from None
        raise StatementError(
            f"The records of running {kind.noun}s cannot be changed: {reason_of(error)}"
            f"{table_locks_after(error, database)}. Nothing was stopped; {OTHER_WAYS}"
        ) from None

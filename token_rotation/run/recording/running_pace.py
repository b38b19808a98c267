"""The pace of running rotations and fills, read and changed through their records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from token_rotation import wording
from token_rotation.errors import NotKnownError, StatementError
from token_rotation.events import Observer
from token_rotation.operations.errors import NotRunningError
from token_rotation.operations.models import BatchOperation
from token_rotation.operations.stored_output import read_object
from token_rotation.options import RotationOptions
from token_rotation.pacing.pace import Pace, pace_asked_for, pace_of
from token_rotation.postgres.faults.failures import is_lost, reason_of
from token_rotation.postgres.faults.sqlstate import Fault
from token_rotation.postgres.faults.table_locks import table_locks_after
from token_rotation.postgres.opening import own_session
from token_rotation.postgres.retrying import retry_at_once
from token_rotation.run.recording.kind import ROTATIONS, Kind
from token_rotation.run.recording.record import DATABASE_ERRORS, SILENT_FOR
from token_rotation.run.recording.stop_running import TRIES


def pace_now(operation: BatchOperation) -> Pace:
    """Return the pace last asked for.

    Without one, return the pace that the rotation started with.
    """
    asked = pace_asked_for(operation.control_data)
    if asked is not None:
        return asked
    options = read_object(read_object(operation.input_data).get("options"))
    try:
        return pace_of(RotationOptions(**options))
    except (TypeError, ValueError):  # the record of a version that has other options
        return Pace()


def set_paused(
    database: str,
    labels: Sequence[str] = (),
    *,
    paused: bool,
    kind: Kind = ROTATIONS,
    observe: Observer = lambda _: None,
) -> str:
    """Ask running rotations, or runs of another kind, to pause after their batch, or to go on.

    Returns in a sentence how many are asked. Without ``labels``, ask all on the database.
    Raises StatementError where the records cannot be read or written, and NotKnownError where the
    server fell silent.
    """

    def ask() -> tuple[int, int]:
        silent = set(running.stalled(SILENT_FOR).values_list("pk", flat=True))
        asked = [each.pk for each in running if _is_asked(each, paused=paused)]
        return len(silent.intersection(asked)), len(set(asked) - silent)

    running = BatchOperation.objects.using(database).of_type(kind.operation_type).running()
    if labels:
        running = running.filter(input_data__model__in=labels)
    try:
        with own_session(database, observe=observe):
            silent, alive = retry_at_once(ask, on=Fault.LOCKED, tries=TRIES)
    except DATABASE_ERRORS as error:
        what = "pause" if paused else "go on"
        if is_lost(error):
            raise NotKnownError(
                f"It is not known whether running {kind.noun}s were asked to {what}: "
                f"{reason_of(error)}. Run the same command again"
            ) from None
        raise StatementError(
            f"The records of running {kind.noun}s cannot be changed: {reason_of(error)}"
            f"{table_locks_after(error, database)}. Run the same command again"
        ) from None
    them, which = wording.things(alive, f"running {kind.noun}"), f" of {', '.join(labels)}"
    said = f"No {kind.noun}{which if labels else ''} is running on database {database!r}."
    if alive:
        pause = "pause after the running batch. --resume lets them go on"
        said = f"Asked {them} to {pause if paused else 'go on'}."
    if silent:
        said += f" {silent} more gave no sign of life for 30 s: killed, or out of reach."
    return said


def _is_asked(operation: BatchOperation, *, paused: bool) -> bool:
    try:
        operation.control(replace(pace_now(operation), paused=paused).as_word())
    except NotRunningError:
        return False
    return True

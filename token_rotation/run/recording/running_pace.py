"""The pace of running rotations, read and changed through their records."""

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
from token_rotation.postgres.failures import is_lost, reason_of
from token_rotation.postgres.opening import own_session
from token_rotation.postgres.table_locks import table_locks_after
from token_rotation.run.recording.record import DATABASE_ERRORS, OPERATION_TYPE


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
    observe: Observer = lambda _: None,
) -> str:
    """Ask running rotations to pause after their batch, or to go on; say in a sentence how many.

    Without ``labels``, ask all on the database. Raises StatementError where the records cannot be
    read or written, and NotKnownError where the server fell silent.
    """
    running = BatchOperation.objects.using(database).of_type(OPERATION_TYPE).running()
    if labels:
        running = running.filter(input_data__model__in=labels)
    try:
        with own_session(database, observe=observe):
            asked = sum(_ask(operation, paused=paused) for operation in running)
    except DATABASE_ERRORS as error:
        what = "pause" if paused else "go on"
        if is_lost(error):
            raise NotKnownError(
                f"It is not known whether running rotations were asked to {what}: "
                f"{reason_of(error)}. Run the same command again"
            ) from None
        raise StatementError(
            f"The records of running rotations cannot be changed: {reason_of(error)}"
            f"{table_locks_after(error, database)}. Run the same command again"
        ) from None
    if not asked:
        which = f" of {', '.join(labels)}" if labels else ""
        return f"No rotation{which} is running on database {database!r}."
    them = wording.things(asked, "running rotation")
    if paused:
        return f"Asked {them} to pause after the running batch. --resume lets them go on."
    return f"Asked {them} to go on."


def _ask(operation: BatchOperation, *, paused: bool) -> int:
    try:
        operation.control(replace(pace_now(operation), paused=paused).as_word())
    except NotRunningError:
        return 0
    return 1

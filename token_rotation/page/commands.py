"""The actions of the buttons.

Each returns one sentence for the person who pressed the button.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from token_rotation import wording
from token_rotation.distributed.cancel import cancel_waiting
from token_rotation.distributed.dispatch import dispatch, ensure_dispatchable
from token_rotation.distributed.inputs import input_of
from token_rotation.errors import (
    NotDispatchableError,
    NotKnownError,
    RotationError,
    WithdrawnError,
)
from token_rotation.operations.errors import NotRunningError, OperationError, UnavailableError
from token_rotation.operations.queue.broker import ensure_worker
from token_rotation.options import RotationOptions
from token_rotation.pacing.pace import Pace
from token_rotation.page.running.records import read_records, running_rotation
from token_rotation.postgres.faults.failures import reason_of
from token_rotation.postgres.reading import reading
from token_rotation.postgres.statements import LIMIT_LOCK_WAIT
from token_rotation.run.pending import look
from token_rotation.run.recording.record import DATABASE_ERRORS
from token_rotation.run.recording.running_pace import pace_now
from token_rotation.selection.target import Target
from token_rotation.sql.single_start import wait_for_other_start

ENDED = "Operation {} has ended meanwhile; nothing was changed."
START_WAITS_MS = 20_000


class RefusedError(Exception):
    """A request that was not carried out.

    The message says why, and what to do instead.
    """


def start(target: Target, pace: Pace, user: Any) -> str:
    """Send the pending rows to Celery workers.

    Raises RefusedError while a rotation is at work. Raises RefusedError with the command to type if
    no worker can do it.
    """
    try:
        ensure_dispatchable(target.database)
        ensure_worker()
        with _one_start_at_a_time(target):
            return _start(target, pace, user)
    except (NotDispatchableError, UnavailableError) as error:
        raise RefusedError(
            f"Nothing was started: {error}. This works without workers, in a terminal: "
            f"{target.command}"
        ) from None
    except WithdrawnError as error:
        raise RefusedError(
            f"{error}. Its workers stop; what they have rotated is safe. To go on without them, in "
            f"a terminal: {target.command}"
        ) from None
    except NotKnownError as error:
        raise RefusedError(str(error)) from None
    except RotationError as error:
        raise RefusedError(f"Nothing was started: {error}") from None


def _start(target: Target, pace: Pace, user: Any) -> str:
    at_work = read_records(target).at_work
    if at_work:
        return f"Operation {at_work[0].operation.pk} is at work already; no other was started."
    pending = look(target).count
    if pending.rows == 0:
        return "Nothing is pending; nothing was started."
    options = RotationOptions(
        pause_seconds=pace.pause_seconds, traffic_budget_ms=pace.traffic_budget_ms
    )
    rotation, ranges = dispatch(target, options, pending, started_by=user)
    them = "it" if pending.rows == 1 else "them"
    return (
        f"Operation {rotation.pk}: {wording.things(pending.rows, 'pending row')} in "
        f"{wording.things(ranges, 'range')}; workers rotate {them}."
    )


@contextmanager
def _one_start_at_a_time(target: Target) -> Iterator[None]:
    """Make a second Start wait for the first one's record.

    The second Start is a second click. It waits 20 s at most, then raises StatementError.
    """
    limit = {"lock_timeout_ms": START_WAITS_MS}
    with (
        reading(target.database) as connection,
        connection.transaction(LIMIT_LOCK_WAIT, values=limit),
    ):
        connection.row(wait_for_other_start(), {"label": target.label})
        yield


def stop(target: Target, number: int) -> str:
    """Ask a rotation to stop after its current batch.

    Raises RefusedError.
    """
    try:
        operation = running_rotation(target, number)
        if operation is None:
            raise RefusedError(ENDED.format(number))
        operation.request_stop()
        if input_of(operation).get("distributed"):
            cancel_waiting(operation)
    except NotRunningError:
        raise RefusedError(ENDED.format(number)) from None
    except (*DATABASE_ERRORS, OperationError, RotationError) as error:
        raise RefusedError(f"It may not have been stopped: {_reason(error)}") from None
    return f"Operation {number} stops after its current batch."


def change_pace(target: Target, number: int, choose: Callable[[Pace], Pace]) -> str:
    """Ask a rotation to change its pace.

    ``choose`` returns the new pace for the current one. Raises RefusedError, as ``choose`` may.
    """
    try:
        operation = running_rotation(target, number)
        if operation is None:
            raise RefusedError(ENDED.format(number))
        pace = choose(pace_now(operation))
        operation.control(pace.as_word())
    except NotRunningError:
        raise RefusedError(ENDED.format(number)) from None
    except DATABASE_ERRORS as error:
        raise RefusedError(f"The pace may not have been changed: {_reason(error)}") from None
    if pace.paused:
        return f"Operation {number} pauses after its current batch."
    return f"Operation {number} goes on with {pace}, in about a second."


def _reason(error: Exception) -> str:
    return reason_of(error) if isinstance(error, DATABASE_ERRORS) else str(error)

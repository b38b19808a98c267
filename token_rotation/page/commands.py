"""What the buttons do. Each answers with one sentence for the person who pressed it."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO
from typing import Any

from token_rotation import wording
from token_rotation.distributed.cancel import halt
from token_rotation.distributed.dispatch import ensure_spreadable, hand_out
from token_rotation.distributed.records import input_of
from token_rotation.errors import NotSpreadableError, RotationError, WithdrawnError
from token_rotation.operations.errors import BatchError, NotRunningError, UnavailableError
from token_rotation.operations.execution.dispatch import ensure_worker
from token_rotation.options import RotationOptions
from token_rotation.pacing.pace import Pace
from token_rotation.page.records import pace_now, running_rotation
from token_rotation.postgres.failures import reason_of
from token_rotation.run.record import DATABASE_ERRORS
from token_rotation.run.run import Run
from token_rotation.selection.target import Target

ENDED = "Operation {} has ended meanwhile; nothing was changed."


class RefusedError(Exception):
    """What was asked for was not done; the message says why, and what to do instead."""


def start(target: Target, pace: Pace, user: Any) -> str:
    """Hand the pending rows to the Celery workers.

    Raises RefusedError, with the command to type where no worker can do it.
    """
    try:
        ensure_spreadable(target.database)
        ensure_worker()
        pending = Run(target, progress_mode="none", out=StringIO(), err=StringIO()).look()
        if pending.rows == 0:
            return "Nothing is pending; nothing was started."
        options = RotationOptions(
            pause_seconds=pace.pause_seconds, traffic_batch_rows=pace.traffic_batch_rows
        )
        rotation, ranges = hand_out(target, options, pending, started_by=user)
    except (NotSpreadableError, UnavailableError) as error:
        raise RefusedError(
            f"Nothing was started: {error}. This works without workers, in a terminal: "
            f"{target.command}"
        ) from None
    except WithdrawnError as error:
        raise RefusedError(
            f"{error}. Its workers stop; what they have rotated is safe. To go on without them, in "
            f"a terminal: {target.command}"
        ) from None
    except RotationError as error:
        raise RefusedError(f"Nothing was started: {error}") from None
    return (
        f"Operation {rotation.pk}: {pending.rows:,} pending rows in "
        f"{wording.things(ranges, 'range')} are with the workers."
    )


def stop(target: Target, number: int) -> str:
    """Ask a rotation to end after its batch. Raises RefusedError."""
    try:
        operation = running_rotation(target, number)
        if operation is None:
            raise RefusedError(ENDED.format(number))
        operation.request_stop()
        if input_of(operation).get("spread"):
            halt(operation)
    except NotRunningError:
        raise RefusedError(ENDED.format(number)) from None
    except (*DATABASE_ERRORS, BatchError, RotationError) as error:
        raise RefusedError(f"It may not have been stopped: {_words(error)}") from None
    return f"Operation {number} was asked to end after its batch."


def change_pace(target: Target, number: int, choose: Callable[[Pace], Pace]) -> str:
    """Ask a rotation to go on at the pace that ``choose`` makes of its present one.

    Raises RefusedError, as ``choose`` may.
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
        raise RefusedError(f"The pace was left as it was: {_words(error)}") from None
    return f"Operation {number} goes on with {pace}, in about a second."


def _words(error: Exception) -> str:
    return reason_of(error) if isinstance(error, DATABASE_ERRORS) else str(error)

"""Actions of Celery workers for a distributed rotation.

Django imports this module when it starts.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from django.dispatch import receiver

from token_rotation.distributed.ranges.work_range import WorkRange
from token_rotation.distributed.records import (
    END_OF_ROUND,
    RANGE,
    VACUUM,
    records_database,
    rotation_of,
    running_rotations,
)
from token_rotation.distributed.results import ROTATE_KEY_RANGE, RUN_VACUUM
from token_rotation.distributed.rounds.begin import end_round_if_over
from token_rotation.distributed.rounds.end import end_round_of
from token_rotation.distributed.rounds.run_vacuum import run_vacuum
from token_rotation.distributed.rounds.vacuum import begin_vacuum_if_due
from token_rotation.errors import DatabaseGoneError, RotationError, UnyieldingRowsError
from token_rotation.operations.actions.action import Action, Beat
from token_rotation.operations.actions.group import ActionGroup, Route
from token_rotation.operations.actions.registry import registry
from token_rotation.operations.errors import NotRunningError, UnavailableError
from token_rotation.operations.failures.time_limit import is_time_limit
from token_rotation.operations.models import BatchOperation
from token_rotation.operations.signals import operation_failed, operations_watched
from token_rotation.postgres.transaction_settings import without_standby
from token_rotation.run.recording.record import BEAT_EVERY_SECONDS

logger = logging.getLogger(__name__)


class RotateKeyRange(Action):
    """Rotate a range.

    Repeated, it finds less to do, or nothing, and does no harm.
    """

    name = ROTATE_KEY_RANGE
    retry_for: ClassVar = (*Action.retry_for, DatabaseGoneError)
    beat_every_seconds = BEAT_EVERY_SECONDS

    def __init__(self) -> None:
        self._work_range: WorkRange | None = None

    def execute(self, operation: BatchOperation) -> dict[str, Any]:
        self._work_range = WorkRange(operation)
        try:
            return self._work_range.rotate_key_range()
        except (DatabaseGoneError, UnyieldingRowsError):  # other ranges can go on
            raise
        except RotationError:  # what one worker cannot do, another cannot either
            _request_stop_of_all(operation)
            raise

    def beat(self, beat: Beat) -> None:
        if self._work_range is None:
            beat()
        else:
            self._work_range.beat(beat)


class NoticeEndOfRound(Action):
    """Look for the end of the round, after a range.

    The range's result is stored by then. If the round has not ended, a VACUUM may be due. If that
    cannot begin, a later range tries again.
    """

    retry_for: ClassVar = (*Action.retry_for, UnavailableError)

    def execute(self, operation: BatchOperation) -> None:
        rotation = rotation_of(operation)
        if rotation is not None and not end_round_if_over(rotation):
            with _logged("no VACUUM was begun"):
                begin_vacuum_if_due(rotation)


class EndRound(Action):
    """Finish the rotation, or begin its next round.

    Repeated, it does nothing.
    """

    retry_for: ClassVar = (*Action.retry_for, DatabaseGoneError, UnavailableError)

    def execute(self, operation: BatchOperation) -> dict[str, Any]:
        return end_round_of(operation)


class RunVacuum(Action):
    """Vacuum the table.

    Repeated, it vacuums once more, or finds another VACUUM at work.
    """

    name = RUN_VACUUM
    retry_for: ClassVar = (*Action.retry_for, DatabaseGoneError)

    def execute(self, operation: BatchOperation) -> dict[str, Any]:
        return run_vacuum(operation)


registry.register(ActionGroup(RANGE, actions=[RotateKeyRange, NoticeEndOfRound]))
registry.register(ActionGroup(END_OF_ROUND, actions=[EndRound]))
registry.register(ActionGroup(VACUUM, actions=[RunVacuum], route=Route.HIGH))


@receiver(operation_failed)
def _after_a_failure(operation: BatchOperation, **_: Any) -> None:
    """Look for the end of the round after a failure.

    A range that has failed for good may have been the last one of its round.
    """
    if operation.operation_type in {RANGE, END_OF_ROUND}:
        with _logged("the end of a round was not looked for"):
            rotation = rotation_of(operation)
            if rotation is not None:
                end_round_if_over(rotation)


@receiver(operations_watched)
def _at_every_watch(**_: Any) -> None:
    """Find ends of rounds that no process noticed.

    The process that should have noticed died at that moment.
    """
    # By number: a record that cannot be read holds up no rotation but its own.
    for number in list(running_rotations().values_list("pk", flat=True)):
        with _logged(f"the end of a round of operation {number} was not looked for"):
            rotation = running_rotations().filter(pk=number).first()
            if rotation is not None:
                end_round_if_over(rotation)


@contextmanager
def _logged(failure: str) -> Iterator[None]:
    """Log errors inside; the next look makes up for them."""
    try:
        yield
    except Exception as error:
        if is_time_limit(error):
            raise
        logger.exception("%s", failure)


def _request_stop_of_all(operation: BatchOperation) -> None:
    rotation = rotation_of(operation)
    try:
        if rotation is not None:
            with without_standby(records_database()):
                rotation.request_stop()
    except NotRunningError:
        pass

"""What Celery workers do for a spread rotation. Imported when Django starts."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from django.dispatch import receiver

from token_rotation.distributed.records import (
    END_OF_ROUND,
    RANGE,
    ROTATE,
    VACUUM,
    VACUUM_BESIDE,
    rotation_of,
    running_spreads,
)
from token_rotation.distributed.rounds import end_round_if_over
from token_rotation.distributed.settle import settle_part
from token_rotation.distributed.vacuum import begin_vacuum_if_due, vacuum_beside
from token_rotation.distributed.work_range import rotate_range
from token_rotation.errors import DatabaseGoneError, RotationError
from token_rotation.operations.actions.action import Action
from token_rotation.operations.actions.group import ActionGroup, Route
from token_rotation.operations.actions.registry import registry
from token_rotation.operations.errors import NotRunningError, UnavailableError
from token_rotation.operations.failures.time_limit import is_time_limit
from token_rotation.operations.models import BatchOperation
from token_rotation.operations.signals import operation_failed, operations_watched

logger = logging.getLogger(__name__)


class RotateRange(Action):
    """Rotate a range. Repeated it finds less to do, or nothing, and harms nothing."""

    name = ROTATE
    retry_for: ClassVar = (*Action.retry_for, DatabaseGoneError)

    def execute(self, operation: BatchOperation) -> dict[str, Any]:
        try:
            return rotate_range(operation)
        except DatabaseGoneError:
            raise
        except RotationError:  # what one worker cannot do, another cannot either
            _ask_all_to_stop(operation)
            raise


class LookForTheEnd(Action):
    """After the range's result is stored: was it the last one of its round?

    If not, a VACUUM may be due. One that cannot be begun comes after a later range.
    """

    retry_for: ClassVar = (*Action.retry_for, UnavailableError)

    def execute(self, operation: BatchOperation) -> None:
        rotation = rotation_of(operation)
        if rotation is not None and not end_round_if_over(rotation):
            with _logged("no VACUUM was begun"):
                begin_vacuum_if_due(rotation)


class VacuumBeside(Action):
    """Repeated it vacuums once more, or finds that somebody does."""

    name = VACUUM_BESIDE
    retry_for: ClassVar = (*Action.retry_for, DatabaseGoneError)

    def execute(self, operation: BatchOperation) -> dict[str, Any]:
        return vacuum_beside(operation)


class Settle(Action):
    retry_for: ClassVar = (*Action.retry_for, DatabaseGoneError, UnavailableError)

    def execute(self, operation: BatchOperation) -> dict[str, Any]:
        return settle_part(operation)


registry.register(ActionGroup(RANGE, actions=[RotateRange, LookForTheEnd]))
registry.register(ActionGroup(END_OF_ROUND, actions=[Settle]))
registry.register(ActionGroup(VACUUM, actions=[VacuumBeside], route=Route.HIGH))


@receiver(operation_failed)
def _after_a_failure(operation: BatchOperation, **_: Any) -> None:
    """A range that has failed for good may have been the last one of its round."""
    if operation.operation_type in {RANGE, END_OF_ROUND}:
        with _logged("no end of a round was looked for"):
            _look_for_the_end(operation)


@receiver(operations_watched)
def _at_every_watch(**_: Any) -> None:
    """For ends that nobody noticed, because a process died just then."""
    # By number: a record that cannot even be read holds up none but its own rotation.
    for number in list(running_spreads().values_list("pk", flat=True)):
        with _logged(f"no end of a round was looked for, of batch operation {number}"):
            rotation = running_spreads().filter(pk=number).first()
            if rotation is not None:
                end_round_if_over(rotation)


@contextmanager
def _logged(failure: str) -> Iterator[None]:
    """Whatever goes wrong in here, the next one who looks makes up for it."""
    try:
        yield
    except Exception as error:
        if is_time_limit(error):
            raise
        logger.exception("%s", failure)


def _look_for_the_end(part: BatchOperation) -> None:
    rotation = rotation_of(part)
    if rotation is not None:
        end_round_if_over(rotation)


def _ask_all_to_stop(part: BatchOperation) -> None:
    rotation = rotation_of(part)
    try:
        if rotation is not None:
            rotation.request_stop()
    except NotRunningError:
        pass

"""Send a recorded run to workers."""

from __future__ import annotations

import logging

from token_rotation.operations.actions.registry import registry
from token_rotation.operations.errors import NextAttemptError
from token_rotation.operations.execution.dispatch import Dispatch
from token_rotation.operations.execution.perform import perform
from token_rotation.operations.execution.take import take
from token_rotation.operations.failures.time_limit import is_time_limit
from token_rotation.operations.models import BatchOperation
from token_rotation.operations.options import option
from token_rotation.operations.queue.broker import ensure_broker

HERE = "(this process)"

logger = logging.getLogger(__name__)


def send_out(operation: BatchOperation) -> None:
    """Send the operation to workers; with OPERATIONS_ALWAYS_SYNCHRONOUS run it here.

    Raises UnavailableError, after the operation was finished as failed.
    """
    if option("OPERATIONS_ALWAYS_SYNCHRONOUS"):
        _perform_here(operation)
    else:
        Dispatch(operation, registry.group_of(operation), 0).on_commit()


def ensure_workable() -> None:
    """Raise UnavailableError where no broker takes a message."""
    if not option("OPERATIONS_ALWAYS_SYNCHRONOUS"):
        ensure_broker()


def _perform_here(operation: BatchOperation) -> None:
    try:
        while True:
            claim = take(operation.pk, HERE)
            try:
                perform(claim, registry.group_of(operation), may_retry=lambda *_: False)
            except NextAttemptError:
                continue
            break
    except Exception as error:  # it is recorded, as a worker would have done
        if is_time_limit(error):
            raise
        logger.exception("%s has failed", operation)
    operation.refresh_from_db()

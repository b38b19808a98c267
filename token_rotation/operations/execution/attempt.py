"""One message's attempt, for a backend that neither retries nor delivers again.

The record has the retries; the watch sends what a dead worker had.
"""

from __future__ import annotations

import logging
import os
import random
from functools import partial
from uuid import uuid4

from django.db import InterfaceError, OperationalError, connections

from token_rotation.operations.actions.registry import registry
from token_rotation.operations.errors import (
    ActionsFailedError,
    AlreadyTakenError,
    ClaimLostError,
    GoneError,
    NextAttemptError,
    OperationError,
    RetryableError,
    WorkersLostError,
)
from token_rotation.operations.execution.claim import Claim, retries
from token_rotation.operations.execution.perform import perform
from token_rotation.operations.execution.retries import group_of, longest_pause_seconds, may_retry
from token_rotation.operations.execution.take import take
from token_rotation.operations.failures.alerts import alert_failure
from token_rotation.operations.lifecycle import Status
from token_rotation.operations.models import BatchOperation
from token_rotation.operations.options import option
from token_rotation.operations.queue.broker import send
from token_rotation.operations.record.origin import host

PASSING = (OperationalError, InterfaceError)

logger = logging.getLogger(__name__)


def attempt(operation_id: int) -> None:
    """Run the operation, unless another message's worker runs or ran it.

    Sends the next message after a failure that may pass, and where the attempt hands on. Raises
    ActionsFailedError, which quotes no other error, when the operation has failed: backends store
    what is raised.
    """
    operation: BatchOperation | None = None
    try:
        claim = take(operation_id, f"{uuid4().hex} {host()[:200]} pid {os.getpid()}")
    except (GoneError, AlreadyTakenError) as error:
        logger.info("nothing to do: %s", error)
        return
    except WorkersLostError:
        operation = BatchOperation.objects.get(pk=operation_id)
    else:
        operation = claim.operation if _has_failed(claim) else None
    if operation is not None:  # no error is being handled, so none is quoted
        alert_failure(operation)
        raise ActionsFailedError(operation)


def _has_failed(claim: Claim) -> bool:
    """Perform; return True when the operation has finished as failed."""
    done = retries(claim.operation)
    claim.retry_within_seconds = longest_pause_seconds(done)
    has_retries = done < option("OPERATIONS_MAX_RETRIES")
    try:
        perform(claim, group_of(claim), may_retry=partial(may_retry, has_retries=has_retries))
    except ClaimLostError as error:
        logger.warning("given up: %s", error)
    except NextAttemptError:
        _send(claim, 0)
    except Exception as error:  # noqa: BLE001  (whatever it is, the record tells)
        return _is_final(claim, error, has_retries=has_retries)
    return False


def _is_final(claim: Claim, error: Exception, *, has_retries: bool) -> bool:
    """Send the next attempt after an error that may pass; else store it and return True."""
    try:
        if claim.operation.status == Status.FINISHED:
            return True
        if isinstance(error, RetryableError):  # handed back already
            _retry(claim)
        elif isinstance(error, PASSING) and has_retries:
            connections[claim.database].close_if_unusable_or_obsolete()
            claim.hand_back()
            _retry(claim)
        else:
            claim.fail(error=error)
            return True
    except ClaimLostError as lost:
        logger.warning("given up: %s", lost)
    except PASSING:
        logger.warning("%s is taken over when its lease ends", claim.operation)
    return False


def _retry(claim: Claim) -> None:
    logger.warning("%s is tried again", claim.operation)
    _send(claim, random.uniform(0, claim.retry_within_seconds or 0))


def _send(claim: Claim, countdown: float) -> None:
    """Send the next message. If this process dies before, the watch sends it."""
    try:
        send(claim.operation, registry.group_of(claim.operation), countdown)
    except OperationError as error:
        logger.warning("the next attempt is sent when lost messages are sent again: %s", error)

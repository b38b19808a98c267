"""The Celery tasks.

Celery finds this module by its name; nothing else imports it.
"""

from __future__ import annotations

import logging
from contextlib import ExitStack
from functools import partial
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from celery import shared_task
from celery.exceptions import OperationalError as BrokerError
from celery.signals import worker_init, worker_ready, worker_shutdown
from django.db import InterfaceError, OperationalError

from token_rotation.operations.errors import (
    AlreadyTakenError,
    ClaimLostError,
    GoneError,
    NextAttemptError,
    RetryableError,
)
from token_rotation.operations.execution.perform import perform
from token_rotation.operations.execution.retries import group_of, may_retry
from token_rotation.operations.execution.take import take
from token_rotation.operations.options import option
from token_rotation.operations.queue.celery_backend import RUN_OPERATION, WATCH_OPERATIONS
from token_rotation.operations.watching.resending import Reporter, resending
from token_rotation.operations.watching.watch import watch
from token_rotation.operations.worker.task import OperationTask, TaskBase
from token_rotation.operations.worker.waits import Waits
from token_rotation.postgres.sessions import name_sessions, watch_sessions

logger = logging.getLogger(__name__)
_until_shutdown = ExitStack()


@shared_task(
    bind=True,
    base=OperationTask,
    name=RUN_OPERATION,
    # Acknowledged after the work: when a worker dies, its task is delivered again.
    acks_late=True,
    reject_on_worker_lost=True,
    # Not Exception: that would retry the soft time limit as well.
    autoretry_for=(RetryableError, OperationalError, InterfaceError),
    max_retries=option("OPERATIONS_MAX_RETRIES"),
    retry_backoff=option("OPERATIONS_RETRY_BACKOFF_SECONDS"),
    retry_backoff_max=option("OPERATIONS_RETRY_BACKOFF_MAX_SECONDS"),
    retry_jitter=True,
    ignore_result=True,
)
def run_operation(self: OperationTask, operation_id: int) -> None:
    """Run the operation, unless another delivery runs or ran it.

    Raises what its action raised, after the operation was finished as failed or handed back.
    """
    lease_seconds = option("OPERATIONS_LEASE_SECONDS")
    try:
        claim = take(operation_id, self.runner(), retry_within_seconds=self.retry_within_seconds())
    except GoneError as error:
        logger.info("nothing to do: %s", error)
        return
    except AlreadyTakenError as error:
        # Its attempt may be dead. Sent before this delivery is acknowledged: nothing is lost.
        logger.info("looking again in %s s: %s", lease_seconds, error)
        self.signature_from_request(
            countdown=lease_seconds, retries=self.request.retries
        ).apply_async()
        return
    try:
        group = group_of(claim)
        has_retries = not group.continue_after_failure or self.has_retries()
        perform(claim, group, may_retry=partial(may_retry, has_retries=has_retries))
    except ClaimLostError as error:
        logger.warning("given up: %s", error)
    except NextAttemptError:
        _send_next_attempt(self)


@shared_task(bind=True, name=WATCH_OPERATIONS, ignore_result=True)
def watch_operations(self: TaskBase) -> None:
    """Make a round of ``watch``.

    A tick that is delivered twice makes one round.
    """
    watch(key=uuid5(NAMESPACE_URL, f"celery-task:{self.request.id}"))


@worker_init.connect
def _prepare_sessions(**_: Any) -> None:
    """Name and watch the sessions before the pool's processes start, which inherit that."""
    name_sessions()
    watch_sessions(Waits())


@worker_ready.connect
def _resend_beside_the_work(**_: Any) -> None:
    """Look for lost operations in the worker's main process.

    No task does it alone: its own message is lost with the others, or waits for a free process.
    """
    _until_shutdown.enter_context(resending(Reporter()))


@worker_shutdown.connect
def _end_resending(**_: Any) -> None:
    _until_shutdown.close()


def _send_next_attempt(task: OperationTask) -> None:
    """Send the same task again; sent before this delivery is acknowledged, so nothing is lost."""
    try:
        task.signature_from_request(countdown=0, retries=0).apply_async()
    except BrokerError as error:
        logger.warning("the next attempt is sent when lost messages are sent again: %s", error)

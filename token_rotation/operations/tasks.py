"""The Celery tasks. Nothing but Celery imports this module."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

from billiard.exceptions import TimeLimitExceeded
from celery import Task, shared_task
from celery.signals import worker_init
from django.db import InterfaceError, OperationalError

from token_rotation.operations.actions.action import Action
from token_rotation.operations.actions.group import ActionGroup
from token_rotation.operations.actions.registry import registry
from token_rotation.operations.errors import (
    ClaimLostError,
    GoneError,
    HeldError,
    RetryableError,
    UnknownGroupError,
)
from token_rotation.operations.execution.claim import WAITING, Claim
from token_rotation.operations.execution.dispatch import RUN_OPERATION, WATCH_OPERATIONS
from token_rotation.operations.execution.perform import perform
from token_rotation.operations.execution.pulse import Pulse
from token_rotation.operations.execution.take import take
from token_rotation.operations.lifecycle import Result, Status
from token_rotation.operations.models import BatchOperation
from token_rotation.operations.options import option
from token_rotation.operations.watching.alerts import alert_failure
from token_rotation.operations.watching.watch import watch
from token_rotation.operations.worker.task_request import OperationRequest, runner_name
from token_rotation.operations.worker.time_limit import is_time_limit
from token_rotation.postgres.sessions import name_sessions

logger = logging.getLogger(__name__)


# At run time Task takes no type argument; only its type stubs do.
if TYPE_CHECKING:
    TaskBase = Task[Any, Any]
else:
    TaskBase = Task


class OperationTask(TaskBase):
    """A task whose first argument is an operation, which it leaves finished when it fails."""

    Request: Any = OperationRequest

    def runner(self) -> str:
        return runner_name(str(self.request.id), str(self.request.hostname), os.getpid())

    def on_failure(
        self,
        exc: Exception,
        task_id: str,  # noqa: ARG002
        args: Any,
        kwargs: Any,  # noqa: ARG002
        einfo: Any,  # noqa: ARG002
    ) -> None:
        """Finish the operation as failed, unless it is or another attempt has it, and alert.

        A hard time limit is the business of OperationRequest, in another process.
        """
        operation = BatchOperation.objects.filter(pk=args[0]).first()
        if operation is None or isinstance(exc, TimeLimitExceeded):
            return
        if operation.status == Status.RUNNING and operation.runner in {self.runner(), WAITING}:
            try:
                Claim(operation, operation.runner).fail(error=exc.__cause__ or exc)
            except ClaimLostError:
                return
            alert_failure(operation)
        elif operation.runner == self.runner() and operation.result == Result.FAILED:
            alert_failure(operation)


def _group_of(claim: Claim) -> ActionGroup:
    """The operation's group; when this worker's code has none the operation is failed at once.

    Celery hands on_failure a base class of an error that it cannot pickle.
    """
    try:
        return registry.get(claim.operation.operation_type)
    except UnknownGroupError as error:
        claim.fail(error=error)
        raise


def _may_retry(action: Action, error: Exception) -> bool:
    # An action may name Exception: the soft time limit is one, and trying again would not help.
    return isinstance(error, action.retry_for) and not is_time_limit(error)


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
    """Run the operation, if no other delivery of it has done so or does.

    Raises what its action raised, after the operation was finished as failed or handed back.
    """
    lease_seconds = option("OPERATIONS_LEASE_SECONDS")
    try:
        claim = take(operation_id, self.runner())
    except GoneError as error:
        logger.info("nothing to do: %s", error)
        return
    except HeldError as error:
        # Whoever has it may be dead. Sent before this delivery is acknowledged: nothing is lost.
        logger.info("looking again in %s s: %s", lease_seconds, error)
        self.signature_from_request(
            countdown=lease_seconds, retries=self.request.retries
        ).apply_async()
        return
    try:
        group = _group_of(claim)
        with Pulse(claim):
            perform(claim, group, may_retry=_may_retry)
    except ClaimLostError as error:
        logger.warning("given up: %s", error)


@worker_init.connect
def _name_sessions(**_: Any) -> None:
    """Before the pool's processes, which inherit it, are made."""
    name_sessions()


@shared_task(bind=True, name=WATCH_OPERATIONS, ignore_result=True)
def watch_operations(self: TaskBase) -> None:
    """A round of ``watch``; a tick that is delivered twice makes one."""
    watch(key=uuid5(NAMESPACE_URL, f"celery-task:{self.request.id}"))

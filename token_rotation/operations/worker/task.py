"""The class of the Celery task that runs an operation."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from billiard.exceptions import TimeLimitExceeded
from celery import Task

from token_rotation.operations.errors import ClaimLostError
from token_rotation.operations.execution.claim import WAITING, Claim
from token_rotation.operations.execution.retries import longest_pause_seconds
from token_rotation.operations.failures.alerts import alert_failure
from token_rotation.operations.lifecycle import Result, Status
from token_rotation.operations.models import BatchOperation
from token_rotation.operations.worker.request import OperationRequest, runner_name

# At run time Task takes no type argument; only its type stubs do.
if TYPE_CHECKING:
    TaskBase = Task[Any, Any]
else:
    TaskBase = Task


class OperationTask(TaskBase):
    """A task whose first argument is an operation's id.

    A failed task finishes the operation.
    """

    Request: Any = OperationRequest

    def runner(self) -> str:
        """The name of this attempt."""
        return runner_name(str(self.request.id), str(self.request.hostname), os.getpid())

    def retry_within_seconds(self) -> float:
        """The longest pause before the retry that would follow this attempt."""
        return longest_pause_seconds(self.request.retries)

    def has_retries(self) -> bool:
        """Return True where Celery would try the task once more."""
        return self.max_retries is None or self.request.retries < self.max_retries

    def on_failure(
        self,
        exc: Exception,
        task_id: str,  # noqa: ARG002
        args: Any,
        kwargs: Any,  # noqa: ARG002
        einfo: Any,  # noqa: ARG002
    ) -> None:
        """Finish the operation as failed and alert.

        It does nothing if another attempt has the operation. OperationRequest handles a hard time
        limit, in another process.
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

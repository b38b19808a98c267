"""Send an operation's task after the COMMIT that creates it."""

from __future__ import annotations

from django.db import connections, router, transaction

from token_rotation.operations.actions.group import ActionGroup
from token_rotation.operations.errors import StatusChangeError, UnavailableError
from token_rotation.operations.execution.claim import Claim
from token_rotation.operations.failures.alerts import alert_failure
from token_rotation.operations.models import BatchOperation
from token_rotation.operations.queue.broker import send

NEVER_SENT = "(never sent)"


class Dispatch:
    """One sending of a new operation's task, after the COMMIT.

    If it fails, the operation is finished as failed.
    """

    def __init__(self, operation: BatchOperation, group: ActionGroup, countdown: float) -> None:
        self._operation = operation
        self._group = group
        self._countdown = countdown
        self._error: UnavailableError | None = None

    def on_commit(self) -> None:
        """Send the task, once the transaction is committed.

        Raises UnavailableError when there is no transaction and the broker was lost.
        """
        database = router.db_for_write(BatchOperation)
        inside = connections[database].in_atomic_block
        # Robust: an error here would keep other callbacks of the same COMMIT from running.
        transaction.on_commit(self._send, using=database, robust=True)
        if self._error is not None and not inside:
            raise self._error

    def _send(self) -> None:
        try:
            send(self._operation, self._group, self._countdown)
        except UnavailableError as error:
            self._error = error
            self._fail(error)

    def _fail(self, error: UnavailableError) -> None:
        try:
            self._operation.mark_as_running(runner=NEVER_SENT)
        except StatusChangeError:  # it did arrive, and a worker has it
            self._error = None
            return
        Claim(self._operation, NEVER_SENT).fail(error=error)
        alert_failure(self._operation)

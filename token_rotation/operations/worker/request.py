"""The record of a task whose pool process died.

The worker's main process writes it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

from billiard.einfo import ExceptionInfo
from billiard.exceptions import TimeLimitExceeded, WorkerLostError
from celery.worker.request import Request
from django.db import connections

from token_rotation.operations.errors import ClaimLostError
from token_rotation.operations.execution.claim import Claim
from token_rotation.operations.failures.alerts import alert_failure
from token_rotation.operations.models import BatchOperation

logger = logging.getLogger(__name__)


def runner_name(task_id: str, hostname: str, pid: int) -> str:
    """Return the name of an attempt.

    No two living attempts share one.
    """
    return f"{task_id} {hostname[:200]} pid {pid}"


class OperationRequest(Request):
    """A delivery of the task that runs an operation.

    The lost process cannot write to the database any more, so this one does: otherwise the
    operation would wait for the end of its lease.
    """

    def on_timeout(self, soft: bool, timeout: float) -> None:  # noqa: FBT001  (Celery's)
        super().on_timeout(soft, timeout)
        if not soft:
            self._write(partial(_fail, TimeLimitExceeded(timeout)))

    def on_failure(
        self,
        exc_info: ExceptionInfo,
        send_failed_event: bool = True,  # noqa: FBT001, FBT002  (Celery's)
        return_ok: bool = False,  # noqa: FBT001, FBT002
    ) -> None:
        # Before the task is delivered again, which super() sees to.
        error = getattr(exc_info.exception, "exc", exc_info.exception)
        if isinstance(error, WorkerLostError):
            self._write(Claim.lose)
        super().on_failure(exc_info, send_failed_event, return_ok)

    def _write(self, change: Callable[[Claim], None]) -> None:
        """Change the operation, if the lost process held it.

        Never raises: if the write fails, the lease still ends.
        """
        runner = runner_name(self.id, self.hostname, int(self.worker_pid or 0))
        try:
            operation = BatchOperation.objects.filter(pk=self.args[0]).first()
            if operation is not None:
                change(Claim(operation, runner))
        except ClaimLostError:
            pass
        except Exception:
            logger.exception("nothing was written about operation %s", self.args)
        finally:
            connections.close_all()  # new pool processes must not inherit them


def _fail(error: Exception, claim: Claim) -> None:
    claim.fail(error=error)
    alert_failure(claim.operation)

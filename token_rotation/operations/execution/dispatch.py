"""Hand an operation to Celery, once the transaction that created it is committed."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import connections, router, transaction
from django.utils.module_loading import import_string

from token_rotation.operations.actions.group import ActionGroup, Route
from token_rotation.operations.errors import InputError, StatusChangeError, UnavailableError
from token_rotation.operations.execution.claim import Claim
from token_rotation.operations.models import BatchOperation
from token_rotation.operations.options import option
from token_rotation.operations.watching.alerts import alert_failure
from token_rotation.operations.worker.time_limit import is_time_limit

# The names of the tasks.
RUN_OPERATION = "token_rotation.operations.run_operation"
WATCH_OPERATIONS = "token_rotation.operations.watch_operations"

WORKER_ANSWERS_SECONDS = 1.0

# Redis takes from the lists of priority 0 first, so that a worker of both queues empties the high
# one before it looks at the other.
PRIORITIES = {Route.HIGH: 0, Route.DEFAULT: 6}


def celery_app() -> Any:
    """The project's Celery application. Raises UnavailableError when there is none."""
    path = option("OPERATIONS_CELERY_APP")
    if path is None:
        raise UnavailableError("asynchronous work needs the setting OPERATIONS_CELERY_APP")
    try:
        return import_string(path)
    except ImportError as error:
        raise UnavailableError(
            f"asynchronous work needs Celery: {error}; pip install -r requirements-celery.txt"
        ) from None


def ensure_broker() -> None:
    """Raises UnavailableError, in bounded time, when the broker does not answer."""
    app = celery_app()
    try:
        # A new connection: one from the pool may be open and its server gone.
        with app.connection_for_write() as connection:
            connection.default_channel  # noqa: B018  (connects, as the transport options say)
    except Exception as error:  # each transport has errors of its own
        if is_time_limit(error):
            raise
        raise UnavailableError(_unreachable(app, error)) from None


def ensure_worker() -> None:
    """Raises UnavailableError when no worker answers within a second."""
    app = celery_app()
    try:
        answers = app.control.inspect(timeout=WORKER_ANSWERS_SECONDS, limit=1).ping()
    except Exception as error:  # noqa: BLE001  (each transport has errors of its own)
        raise UnavailableError(_unreachable(app, error)) from None
    if not answers:
        raise UnavailableError("no Celery worker answers")


def check_countdown(group: ActionGroup, countdown: float) -> None:
    """A task that waits is unacknowledged: after the visibility timeout Redis delivers it again.

    Raises InputError when the countdown and the run may take longer than that.
    """
    longest = visibility_timeout_seconds() - time_limit_seconds(group)
    if not 0 <= countdown < longest:
        raise InputError(f"a countdown is from 0 to {longest:g} seconds, not {countdown:g}")


def visibility_timeout_seconds() -> float:
    transport = getattr(settings, "CELERY_BROKER_TRANSPORT_OPTIONS", {})
    return float(transport.get("visibility_timeout", 3600))  # Redis: kombu's default


def time_limit_seconds(group: ActionGroup) -> float:
    """The hard limit of the group's task; infinite when there is none."""
    limit = group.time_limit_seconds or getattr(settings, "CELERY_TASK_TIME_LIMIT", None)
    return float("inf") if limit is None else float(limit)


def send(operation: BatchOperation, group: ActionGroup, countdown: float = 0) -> None:
    """Put the task into its queue. Raises UnavailableError when the broker does not take it."""
    app = celery_app()
    high = group.route is Route.HIGH
    try:
        app.send_task(
            RUN_OPERATION,
            args=[operation.pk],
            countdown=countdown or None,
            queue=option("OPERATIONS_QUEUE_HIGH" if high else "OPERATIONS_QUEUE_DEFAULT"),
            priority=PRIORITIES[group.route],
            soft_time_limit=group.soft_time_limit_seconds,
            time_limit=group.time_limit_seconds,
            ignore_result=True,
        )
    except Exception as error:  # each transport has errors of its own
        if is_time_limit(error):
            raise
        raise UnavailableError(_unreachable(app, error)) from None


class Dispatch:
    """Sends the task of a new operation after the COMMIT, or ends the wait for it."""

    def __init__(self, operation: BatchOperation, group: ActionGroup, countdown: float) -> None:
        self._operation = operation
        self._group = group
        self._countdown = countdown
        self._error: UnavailableError | None = None

    def on_commit(self) -> None:
        """Raises UnavailableError when there is no transaction and the broker was lost."""
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
            self._give_up(error)

    def _give_up(self, error: UnavailableError) -> None:
        runner = "(never sent)"
        try:
            self._operation.mark_as_running(runner=runner)
        except StatusChangeError:  # it did arrive, and a worker has it
            self._error = None
            return
        Claim(self._operation, runner).fail(error=error)
        alert_failure(self._operation)


def _unreachable(app: Any, error: Exception) -> str:
    broker = app.connection_for_write().as_uri()  # without the password
    words = " ".join(f"the Celery broker {broker} cannot be reached: {error}".split())
    return words.rstrip(".")

"""Celery: ask broker and workers, and put tasks into the queues."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.utils.module_loading import import_string

from token_rotation.operations.actions.group import ActionGroup
from token_rotation.operations.errors import UnavailableError
from token_rotation.operations.failures.time_limit import is_time_limit
from token_rotation.operations.options import option
from token_rotation.operations.queue.backend import Message
from token_rotation.operations.queue.limits import check_countdown

# The names of the tasks.
RUN_OPERATION = "token_rotation.operations.run_operation"
WATCH_OPERATIONS = "token_rotation.operations.watch_operations"

WORKER_ANSWERS_SECONDS = 1.0
NO_SUCH_QUEUE = "404"

# Where the project does not bound the wait for a silent broker. Seconds.
REDIS_BOUNDS = {
    "max_retries": 2,
    "interval_start": 0,
    "interval_step": 0.2,
    "socket_connect_timeout": 3,
    "socket_timeout": 10,
}

# Redis takes from the lists of priority 0 first, so that a worker of both queues empties the high
# one before it looks at the other.
HIGH_PRIORITY, PRIORITY = 0, 6


def celery_app() -> Any:
    """Return the project's Celery application.

    Raises UnavailableError when there is none.
    """
    path = option("OPERATIONS_CELERY_APP")
    if path is None:
        raise UnavailableError(
            "asynchronous work needs the setting OPERATIONS_CELERY_APP or OPERATIONS_TASK_BACKEND"
        )
    try:
        return import_string(path)
    except ImportError as error:
        raise UnavailableError(
            f"asynchronous work needs Celery: {error}; pip install -r requirements-celery.txt"
        ) from None


@contextmanager
def _connected(app: Any) -> Iterator[Any]:
    """Open a new connection: one from the pool may be open and its server gone.

    Whatever goes wrong inside is an UnavailableError.
    """
    try:
        with app.connection_for_write() as connection:
            if connection.transport_cls in {"redis", "rediss", "sentinel"}:
                connection.transport_options = REDIS_BOUNDS | connection.transport_options
            yield connection
    except Exception as error:  # each transport has errors of its own
        if is_time_limit(error):
            raise
        raise UnavailableError(_sentence(app, error)) from None


class CeleryBackend:
    """Celery with the application of OPERATIONS_CELERY_APP; every error is an UnavailableError."""

    def ensure_broker(self) -> None:
        with _connected(celery_app()) as connection:
            connection.default_channel  # noqa: B018  (connects)

    def ensure_worker(self) -> None:
        app = celery_app()
        with _connected(app) as connection:
            asked = app.control.inspect(
                timeout=WORKER_ANSWERS_SECONDS, limit=1, connection=connection
            )
            answers = asked.ping()
        if not answers:
            raise UnavailableError("no Celery worker answers")

    def messages_in(self, queue: str) -> int:
        with _connected(celery_app()) as connection:
            try:
                declared = connection.default_channel.queue_declare(queue, passive=True)
            except connection.channel_errors as error:
                if str(getattr(error, "reply_code", "")) != NO_SUCH_QUEUE:
                    raise
                return 0  # Redis keeps no empty queue
            return int(declared.message_count)

    def check_countdown(self, group: ActionGroup, countdown: float) -> None:
        check_countdown(group, countdown)

    def send(self, message: Message) -> None:
        app = celery_app()
        with _connected(app) as connection:
            app.send_task(
                RUN_OPERATION,
                args=[message.operation_id],
                countdown=message.countdown_seconds or None,
                queue=message.queue,
                priority=HIGH_PRIORITY if message.is_urgent else PRIORITY,
                soft_time_limit=message.group.soft_time_limit_seconds,
                time_limit=message.group.time_limit_seconds,
                ignore_result=True,
                connection=connection,
            )


def _sentence(app: Any, error: Exception) -> str:
    try:
        broker = app.connection_for_write().as_uri()  # without the password
    except Exception as wrong:
        if is_time_limit(wrong):
            raise
        # The error may quote the URL with its password.
        return f"the URL of the Celery broker cannot be used ({type(wrong).__name__})"
    sentence = f"the Celery broker {broker} cannot be reached: {error}"
    return " ".join(sentence.split()).rstrip(".")

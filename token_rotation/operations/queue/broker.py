"""Ask broker and workers, and put tasks into the queues."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.utils.module_loading import import_string

from token_rotation.operations.actions.group import ActionGroup, Route
from token_rotation.operations.errors import InputError, UnavailableError
from token_rotation.operations.failures.time_limit import is_time_limit
from token_rotation.operations.models import BatchOperation
from token_rotation.operations.options import option

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
        raise UnavailableError("asynchronous work needs the setting OPERATIONS_CELERY_APP")
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


def ensure_broker() -> None:
    """Raise UnavailableError when the broker does not answer.

    It does so in bounded time.
    """
    with _connected(celery_app()) as connection:
        connection.default_channel  # noqa: B018  (connects)


def ensure_worker() -> None:
    """Raise UnavailableError when no worker answers within a second."""
    app = celery_app()
    with _connected(app) as connection:
        asked = app.control.inspect(timeout=WORKER_ANSWERS_SECONDS, limit=1, connection=connection)
        answers = asked.ping()
    if not answers:
        raise UnavailableError("no Celery worker answers")


def messages_in(queue: str) -> int:
    """Return how many messages wait in the queue.

    Those that a worker has are not counted. Raises UnavailableError.
    """
    with _connected(celery_app()) as connection:
        try:
            declared = connection.default_channel.queue_declare(queue, passive=True)
        except connection.channel_errors as error:
            if str(getattr(error, "reply_code", "")) != NO_SUCH_QUEUE:
                raise
            return 0  # Redis keeps no empty queue
        return int(declared.message_count)


def queues() -> dict[str, str]:
    """The names of the queues by their aliases."""
    high, default = option("OPERATIONS_QUEUE_HIGH"), option("OPERATIONS_QUEUE_DEFAULT")
    return {**option("OPERATIONS_QUEUES"), Route.HIGH: high, Route.DEFAULT: default}


def queue_of(route: str) -> str:
    """The name of the queue of this alias.

    Raises InputError for an alias that is not known.
    """
    known = queues()
    if route not in known:
        raise InputError(
            f"no queue has the alias {route!r}; known: {', '.join(sorted(known))}"
            " (setting OPERATIONS_QUEUES)"
        )
    return str(known[route])


def send(operation: BatchOperation, group: ActionGroup, countdown: float = 0) -> None:
    """Put the task into its queue.

    Raises UnavailableError when the broker does not take it, InputError for a route that is gone.
    """
    app = celery_app()
    route = operation.route or group.route
    queue = queue_of(route)
    with _connected(app) as connection:
        app.send_task(
            RUN_OPERATION,
            args=[operation.pk],
            countdown=countdown or None,
            queue=queue,
            priority=HIGH_PRIORITY if route == Route.HIGH else PRIORITY,
            soft_time_limit=group.soft_time_limit_seconds,
            time_limit=group.time_limit_seconds,
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

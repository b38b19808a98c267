"""Ask the chosen backend, and put messages into its queues."""

from __future__ import annotations

from token_rotation.operations.actions.group import ActionGroup, Route
from token_rotation.operations.errors import InputError
from token_rotation.operations.models import BatchOperation
from token_rotation.operations.options import option
from token_rotation.operations.queue.backend import Backend, Message
from token_rotation.operations.queue.celery_backend import CeleryBackend
from token_rotation.operations.queue.django_backend import DjangoBackend


def backend() -> Backend:
    """Return Celery, or the backend that OPERATIONS_TASK_BACKEND names."""
    alias = option("OPERATIONS_TASK_BACKEND")
    return CeleryBackend() if alias is None else DjangoBackend(alias)


def ensure_broker() -> None:
    """Raise UnavailableError when no message can be sent.

    It does so in bounded time.
    """
    backend().ensure_broker()


def ensure_worker() -> None:
    """Raise UnavailableError when no Celery worker answers within a second.

    Other backends' workers cannot be asked.
    """
    backend().ensure_worker()


def messages_in(queue: str) -> int | None:
    """Return how many messages wait in the queue; None where nobody can count them.

    Those that a worker has are not counted. Raises UnavailableError.
    """
    return backend().messages_in(queue)


def check_countdown(group: ActionGroup, countdown: float) -> None:
    """Raise InputError for a countdown that the backend cannot keep."""
    backend().check_countdown(group, countdown)


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
    """Put the operation's message into its queue.

    Raises UnavailableError when the backend does not take it, InputError for a route that is gone.
    """
    route = operation.route or group.route
    message = Message(operation.pk, queue_of(route), route == Route.HIGH, countdown, group)
    backend().send(message)

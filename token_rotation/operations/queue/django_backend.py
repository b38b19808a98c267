"""A backend of Django's Tasks framework: count messages, and send them.

It knows no retries, no time limits and no dead workers: the record of the operation does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from importlib import import_module
from typing import Any

from django.utils import timezone
from django.utils.module_loading import import_string

from token_rotation.operations.actions.group import ActionGroup
from token_rotation.operations.errors import InputError, UnavailableError
from token_rotation.operations.failures.time_limit import is_time_limit
from token_rotation.operations.options import option
from token_rotation.operations.queue.backend import Message
from token_rotation.operations.queue.tasks_api import task_backend
from token_rotation.postgres.faults.failures import reason_of

# The task, as a worker finds it.
RUN_OPERATION = "token_rotation.operations.django_task.run_operation"
URGENT, ORDINARY = 50, 0


class DjangoBackend:
    """The backend of this name in TASKS; every error of it is an UnavailableError."""

    def __init__(self, alias: str) -> None:
        self._alias = alias

    def ensure_broker(self) -> None:
        self.messages_in(option("OPERATIONS_QUEUE_DEFAULT"))

    def ensure_worker(self) -> None:
        """Check the backend alone: the framework cannot ask its workers."""
        self.ensure_broker()

    def messages_in(self, queue: str) -> int | None:
        with self._used() as backend:
            for kind in type(backend).__mro__:
                count = COUNTS.get(f"{kind.__module__}.{kind.__qualname__}")
                if count is not None:
                    return count(backend, queue)
        return None

    def check_countdown(self, group: ActionGroup, countdown: float) -> None:  # noqa: ARG002
        if countdown < 0 or (countdown and not task_backend(self._alias).supports_defer):
            raise InputError(f"the backend {self._alias!r} keeps no countdown of {countdown:g} s")

    def send(self, message: Message) -> None:
        with self._used() as backend:
            if message.countdown_seconds and not backend.supports_defer:
                raise UnavailableError(f"the backend {self._alias!r} sends nothing later")
            priority = URGENT if message.is_urgent and backend.supports_priority else ORDINARY
            wait = timedelta(seconds=message.countdown_seconds)
            import_string(RUN_OPERATION).using(
                backend=self._alias,
                queue_name=message.queue,
                priority=priority,
                run_after=timezone.now() + wait if wait else None,
            ).enqueue(message.operation_id)

    @contextmanager
    def _used(self) -> Iterator[Any]:
        """Let whatever goes wrong inside be an UnavailableError of one line."""
        try:
            yield task_backend(self._alias)
        except UnavailableError:
            raise
        except Exception as error:  # each backend has errors of its own
            if is_time_limit(error):
                raise
            line = f"the backend {self._alias!r} of TASKS takes no message: {reason_of(error)}"
            raise UnavailableError(" ".join(line.split())) from None


def _in_database(backend: Any, queue: str) -> int:
    stored = import_module("django_tasks_db.models").DBTaskResult
    ready = stored.objects.ready().filter(backend_name=backend.alias, queue_name=queue)
    return int(ready.count())


def _in_rq(backend: Any, queue: str) -> int:  # noqa: ARG001
    return int(import_module("django_rq").get_queue(queue).count)


# The framework cannot count. A message of another backend counts as there, and what is lost is sent
# again once: when its worker is gone, or its queue went on without it.
COUNTS: dict[str, Callable[[Any, str], int]] = {
    "django_tasks_db.backend.DatabaseBackend": _in_database,
    "django_tasks_rq.backend.RQBackend": _in_rq,
}

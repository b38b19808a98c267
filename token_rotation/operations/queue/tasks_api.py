"""Django's Tasks framework, wherever it is installed."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from token_rotation.operations.errors import UnavailableError
from token_rotation.operations.options import option
from token_rotation.postgres.faults.failures import reason_of

# Backends that have no worker, and what they do instead.
WITHOUT_WORKER = {
    "ImmediateBackend": "runs everything in the process that asks for it",
    "DummyBackend": "runs nothing",
}


def tasks_api() -> Any:
    """Return the module django.tasks, or django_tasks, the same for Django before 6.0.

    Raises UnavailableError when neither is installed.
    """
    for name in ("django.tasks", "django_tasks"):
        if find_spec(name) is not None:
            return import_module(name)
    raise UnavailableError(
        "OPERATIONS_TASK_BACKEND needs Django 6 or the package django-tasks; "
        "pip install django-tasks-db django-tasks"
    )


def task_backend(alias: str) -> Any:
    """Return the backend of this name in TASKS.

    Raises UnavailableError when there is none, or when it has no worker.
    """
    try:
        found = tasks_api().task_backends[alias]
    except UnavailableError:
        raise
    except Exception as error:  # noqa: BLE001  (each framework and each backend has errors of its own)
        raise UnavailableError(
            f"the backend {alias!r} of TASKS (OPERATIONS_TASK_BACKEND) cannot be used:"
            f" {reason_of(error)}"
        ) from None
    for kind in type(found).__mro__:
        if kind.__name__ in WITHOUT_WORKER:
            raise UnavailableError(
                f"the backend {alias!r} of TASKS is {kind.__name__}, which "
                f"{WITHOUT_WORKER[kind.__name__]}: operations need one with workers, such as "
                "django_tasks_db.DatabaseBackend. For tests set OPERATIONS_ALWAYS_SYNCHRONOUS"
            )
    return found


def as_task(function: Callable[[int], None]) -> Any:
    """Make a function a task of the framework; without one it stays what it is."""
    try:
        api = tasks_api()
    except UnavailableError:
        return function
    alias = option("OPERATIONS_TASK_BACKEND")
    if alias is None:
        return api.task(function)
    return api.task(backend=alias, queue_name=option("OPERATIONS_QUEUE_DEFAULT"))(function)

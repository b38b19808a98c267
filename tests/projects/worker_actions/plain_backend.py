"""A backend of Django's Tasks framework that does no more than it must."""

from importlib import import_module
from typing import Any

from tests.support.task_workers import FRAMEWORK

BaseTaskBackend: Any = import_module(f"{FRAMEWORK}.backends.base").BaseTaskBackend


class PlainBackend(BaseTaskBackend):
    def enqueue(self, task: Any, args: Any, kwargs: Any) -> None:
        """Forget it."""

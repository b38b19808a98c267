from typing import Any

from django.apps import AppConfig

from tests.projects.worker_actions.journal import Journal
from token_rotation.operations.signals import operation_failed


class BatchActionsConfig(AppConfig):
    name = "tests.projects.worker_actions"

    def ready(self) -> None:
        operation_failed.connect(_note)


def _note(operation: Any, **_: object) -> None:
    Journal.of(operation).write("signal")

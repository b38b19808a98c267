import os
from typing import Any

from django.apps import AppConfig

from tests.projects.worker_actions.journal import Journal
from token_rotation.operations.signals import operation_failed


class BatchActionsConfig(AppConfig):
    name = "tests.projects.worker_actions"

    def ready(self) -> None:
        operation_failed.connect(_note)
        if "TEST_RANGE_SECONDS" in os.environ:
            # Not by the soft time limit, which a slow machine would reach.
            from token_rotation.distributed.ranges import range_options  # noqa: PLC0415

            range_options.LONGEST_SECONDS = float(os.environ["TEST_RANGE_SECONDS"])


def _note(operation: Any, **_: object) -> None:
    Journal.of(operation).write("signal")

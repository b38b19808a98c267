import os
from dataclasses import replace
from typing import Any

from django.apps import AppConfig

from tests.projects.worker_actions.journal import Journal
from token_rotation.operations.signals import operation_failed


class BatchActionsConfig(AppConfig):
    name = "tests.projects.worker_actions"

    def ready(self) -> None:
        operation_failed.connect(_note)
        if "TEST_ATTEMPT_SECONDS" in os.environ:
            # Not by the soft time limit, which a slow machine would reach.
            from token_rotation.operations.queue import limits  # noqa: PLC0415

            limits.LONGEST_ATTEMPT_SECONDS = float(os.environ["TEST_ATTEMPT_SECONDS"])
        if "TEST_SILENT_SECONDS" in os.environ:
            _bound_silence(float(os.environ["TEST_SILENT_SECONDS"]))


def _bound_silence(seconds: float) -> None:
    from token_rotation.postgres import sessions  # noqa: PLC0415

    sessions.OTHERS_WORK = replace(
        sessions.OTHERS_WORK,
        ask_after_seconds=1.0,
        answer_seconds=seconds,
        unanswered_seconds=2 * seconds,
    )


def _note(operation: Any, **_: object) -> None:
    Journal.of(operation).write("signal")

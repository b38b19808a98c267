"""Action groups that leave traces in a directory, wait there for a test, and go wrong."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

from tests.projects.worker_actions import jobs  # noqa: F401  (registers them)
from tests.projects.worker_actions.journal import Journal
from token_rotation.operations.actions.action import Action
from token_rotation.operations.actions.group import ActionGroup, Route
from token_rotation.operations.actions.registry import registry
from token_rotation.operations.lifecycle import Mode
from token_rotation.operations.models import BatchOperation

LEAKED = "3f2b9c1e-5a7d-4e8f-9b0a-1c2d3e4f5a6b"


def die() -> None:
    """Not before the main process knows of the task: it would be missed only after its lease."""
    time.sleep(1)
    os.kill(os.getpid(), signal.SIGKILL)


class First(Action):
    def execute(self, operation: BatchOperation) -> Any:
        Journal.of(operation).write("first")
        return {"sent": 1}


class Gate(Action):
    def execute(self, operation: BatchOperation) -> Any:
        Journal.of(operation).write("gate")
        Journal.of(operation).wait_for_gate()
        return "open"


class Last(Action):
    def execute(self, operation: BatchOperation) -> Any:
        Journal.of(operation).write("last")


class Broken(Action):
    def execute(self, operation: BatchOperation) -> Any:
        raise ValueError(f"{operation} found nothing for /t/{LEAKED}")


class Flaky(Action):
    """Succeeds at the second attempt."""

    def execute(self, operation: BatchOperation) -> Any:
        journal = Journal.of(operation)
        journal.write("try")
        if len(journal.pids("try")) == 1:
            raise ConnectionError("the other side is not there")


class AlwaysDown(Action):
    def execute(self, operation: BatchOperation) -> Any:
        Journal.of(operation).write("try")
        raise ConnectionError(f"no answer for {LEAKED}")


class Endless(Action):
    # The soft time limit is an Exception. It is not retried even so.
    retry_for = (Exception,)

    def execute(self, operation: BatchOperation) -> Any:
        Journal.of(operation).write("try")
        Journal.of(operation).wait_for_gate()


class Stubborn(Action):
    """Swallows the soft time limit, as no action should."""

    def execute(self, operation: BatchOperation) -> Any:
        while True:
            try:
                Journal.of(operation).write("try")
                Journal.of(operation).wait_for_gate()
            except Exception:  # noqa: BLE001
                continue


class Deadly(Action):
    """Kills its process, as one does that needs more memory than there is."""

    def execute(self, operation: BatchOperation) -> Any:
        Journal.of(operation).write("try")
        die()


class DeadlyOnce(Action):
    """Writes a row, and dies the first time before anybody knows."""

    atomic = True

    def execute(self, operation: BatchOperation) -> Any:
        BatchOperation.objects.create_asynchronous("row", context_object=operation)
        Journal.of(operation).write("try")
        if len(Journal.of(operation).words()) == 1:
            die()


class Where(Action):
    def execute(self, operation: BatchOperation) -> Any:
        return self.is_in_worker


class ForReports(ActionGroup):
    def get_route(self, **kwargs: Any) -> str:
        return "reports" if kwargs.get("rows", 0) > 100 else self.route


class BySize(ActionGroup):
    def get_mode(self, **kwargs: Any) -> Mode:
        return Mode.SYNCHRONOUS if kwargs["rows"] < 100 else Mode.ASYNCHRONOUS


for group in (
    ActionGroup("one step", actions=[First]),
    ActionGroup("at once", actions=[First, Last], mode=Mode.SYNCHRONOUS),
    ActionGroup("urgent", actions=[First], route=Route.HIGH),
    ActionGroup("three steps", actions=[First, Gate, Last]),
    ActionGroup("broken", actions=[First, Broken, Last]),
    ActionGroup("flaky", actions=[First, Flaky]),
    ActionGroup("always down", actions=[AlwaysDown]),
    ActionGroup("endless", actions=[Endless], soft_time_limit_seconds=0.5, time_limit_seconds=30),
    ActionGroup("stubborn", actions=[Stubborn], soft_time_limit_seconds=0.5, time_limit_seconds=1),
    ActionGroup("deadly", actions=[Deadly]),
    ActionGroup("deadly once", actions=[DeadlyOnce]),
    ActionGroup("continues", actions=[AlwaysDown, Broken, First], continue_after_failure=True),
    ActionGroup("where", actions=[Where]),
    ForReports("reports", actions=[First]),
    BySize("by size", actions=[First]),
):
    registry.register(group)

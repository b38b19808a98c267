"""The life of an operation: statuses, results, and allowed changes.

No other changes are allowed.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType

from django.db import models


class Status(models.TextChoices):
    UNPROCESSED = "unprocessed"
    RUNNING = "running"
    FINISHED = "finished"


class Result(models.TextChoices):
    NOT_AVAILABLE = "not available"
    SUCCESSFUL = "successful"
    FAILED = "failed"


class Mode(Enum):
    """Who runs an operation: its creator, or a worker."""

    SYNCHRONOUS = "synchronous"
    ASYNCHRONOUS = "asynchronous"


# None stands for "not stored": before the creation and after the removal of the row.
State = Status | None

EDGES: Mapping[tuple[State, State], str] = MappingProxyType(
    {
        (None, Status.UNPROCESSED): "create_asynchronous: a worker will do it later, so it waits.",
        (None, Status.RUNNING): "create_synchronous: its creator does it now, so nothing waits.",
        (Status.UNPROCESSED, Status.RUNNING): "mark_as_running: one worker has taken it.",
        (Status.UNPROCESSED, None): "cancel: nothing has happened yet, so nothing is to be kept.",
        (Status.RUNNING, Status.FINISHED): "finish: the work has ended, and how it ended is known.",
    }
)


def allowed_from(state: State) -> tuple[State, ...]:
    """The states that may follow ``state``."""
    return tuple(after for before, after in EDGES if before == state)


def in_words(state: State) -> str:
    """The state as people read it."""
    return "not stored" if state is None else state.value


def stored_changes() -> list[tuple[str, str]]:
    """Return the allowed changes from one stored row to another.

    The trigger enforces them.
    """
    return [(before.value, after.value) for before, after in EDGES if before and after]

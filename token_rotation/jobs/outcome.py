"""How an attempt at a job ended without an error, and what is stored of it."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from token_rotation.jobs.state import JobState
from token_rotation.operations.models import BatchOperation


class Outcome(StrEnum):
    COMPLETE = "complete"
    STOPPED = "stopped"
    UNFINISHED = "unfinished"


def result_value(state: JobState, outcome: Outcome | None) -> dict[str, Any]:
    """Return the value of a job's result; ``outcome`` is None where it failed."""
    stored = state.as_json()
    return {**{key: stored[key] for key in ("done", "failed", "set_aside")}, "outcome": outcome}


def is_unfinished(operation: BatchOperation) -> bool:
    """Return True where another run goes on from its state."""
    values = [each.value for each in operation.results if isinstance(each.value, dict)]
    return not any(value.get("outcome") == Outcome.COMPLETE for value in values)

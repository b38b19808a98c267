"""The stored results of a group's actions, as objects."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from token_rotation.operations.stored_output import (
    StoredError,
    read_actions,
    read_error,
    read_number,
)

# How an action ended.
SUCCESSFUL = "successful"
FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ActionResult:
    """How an action ended, after ``seconds``.

    ``value`` is what it returned; ``error`` why it failed. ``is_retried``: it is tried again.
    """

    name: str
    failed: bool
    seconds: float
    value: Any = None
    error: StoredError | None = None
    is_retried: bool = False


@dataclass(frozen=True, slots=True)
class GroupResult:
    """The results by now, in the order in which the actions ended."""

    actions: tuple[ActionResult, ...]

    @property
    def failed(self) -> tuple[str, ...]:
        """The names of the actions that failed."""
        return tuple(each.name for each in self.actions if each.failed)

    def __iter__(self) -> Iterator[ActionResult]:
        return iter(self.actions)

    def __len__(self) -> int:
        return len(self.actions)

    def __getitem__(self, name: str) -> ActionResult:
        """Return the result of an action.

        Raises KeyError where it has not ended.
        """
        for each in self.actions:
            if each.name == name:
                return each
        raise KeyError(name)


def read_results(output: Any) -> GroupResult:
    """Return what is stored; never raises."""
    return GroupResult(tuple(_result(each) for each in read_actions(output)))


def _result(stored: dict[str, Any]) -> ActionResult:
    return ActionResult(
        name=str(stored.get("action")),
        failed=stored.get("status") != SUCCESSFUL,
        seconds=float(read_number(stored.get("seconds"))),
        value=stored.get("value"),
        error=read_error(stored.get("error")),
        is_retried=stored.get("retried") is True,
    )

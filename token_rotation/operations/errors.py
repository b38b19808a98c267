"""What this app raises; each message is one line for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from token_rotation.operations.lifecycle import State, Status, allowed_from, in_words

if TYPE_CHECKING:
    from token_rotation.operations.models import BatchOperation


class OperationError(Exception):
    """An operation does not allow that; the root of what this app raises."""


class StatusChangeError(OperationError):
    """The status may not change like that, or no longer: another process was first.

    ``before`` is the status as it is stored now (None: the row is not stored), ``after`` the one
    that was asked for, ``allowed`` what may follow ``before``. Nothing was written.
    """

    def __init__(self, operation: str, before: State, after: State, *, detail: str = "") -> None:
        self.before = before
        self.after = after
        self.allowed = allowed_from(before)
        allowed = ", ".join(in_words(state) for state in self.allowed) or "nothing"
        super().__init__(
            f"{operation}: {in_words(before)} -> {in_words(after)} is not allowed{detail};"
            f" after {in_words(before)} may come: {allowed}"
        )


class NotRunningError(OperationError):
    """Only a running operation has a heartbeat and can be asked to stop. Nothing was written.

    ``status`` is the one that is stored now (None: the row is not stored).
    """

    def __init__(self, operation: str, status: State) -> None:
        self.status = status
        hint = "; an unprocessed operation is cancelled" if status is Status.UNPROCESSED else ""
        super().__init__(f"{operation} is {in_words(status)}, not running{hint}")


class KeyTakenError(OperationError):
    """The key belongs to an operation of another type."""

    def __init__(self, key: UUID, operation: str, operation_type: str) -> None:
        super().__init__(
            f"key {key} belongs to {operation}, so it cannot create a {operation_type!r}"
        )


class DuplicateGroupError(OperationError):
    """Two action groups have one name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"an action group named {name!r} is registered already")


class UnknownGroupError(OperationError):
    """No action group has the name."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        super().__init__(
            f"no action group is named {name!r}; registered: {', '.join(known) or 'none'}"
        )


class InputError(OperationError):
    """The arguments of a run cannot be stored as JSON, or its countdown is too long."""


class UnavailableError(OperationError):
    """Celery or its broker is missing, so no worker can be asked. One line says which.

    Nothing was stored, or the stored operation is finished as failed: none is left that looks as
    if it would run.
    """


class ActionsFailedError(OperationError):
    """A synchronous run failed; ``operation`` and the stored ``results`` of its actions say how.

    The action's own error is the ``__cause__``.
    """

    def __init__(self, operation: BatchOperation, results: list[dict[str, Any]]) -> None:
        self.operation = operation
        self.results = results
        failed = [result["action"] for result in results if result["status"] != "successful"]
        super().__init__(f"{operation} failed" + "".join(f" in action {name!r}" for name in failed))


class ClaimError(OperationError):
    """This attempt does not hold the operation, or no longer. It wrote nothing."""


class GoneError(ClaimError):
    """The operation was cancelled before it started, or has finished."""


class AlreadyTakenError(ClaimError):
    """Another attempt runs the operation, or its lease is not over yet."""


class ClaimLostError(ClaimError):
    """Another attempt took over: this one was silent for longer than the lease."""


class WorkersLostError(OperationError):
    """The operation lost too many workers; it probably kills them."""


class StoppedError(OperationError):
    """The operation stopped on request."""


class RetryableError(OperationError):
    """An action failed in a way that may pass. The operation was handed back for a retry."""

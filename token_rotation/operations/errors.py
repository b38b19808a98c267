"""Errors of this app; each message is one line.

The messages are for people.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from token_rotation.operations.lifecycle import State, Status, allowed_from, in_words

if TYPE_CHECKING:
    from token_rotation.operations.models import BatchOperation


class OperationError(Exception):
    """The root of this app's errors: a refused request."""


class StatusChangeError(OperationError):
    """A status change that is not allowed, or no longer.

    It is no longer allowed when another process was first. Nothing was written. ``before`` is the
    status as it is stored now (None: the row is not stored). ``after`` is the requested status;
    ``allowed`` holds those that may follow ``before``.
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
    """A request that only a running operation accepts.

    Only a running operation has a heartbeat and can be asked to stop. Nothing was written.

    ``status`` is the one that is stored now (None: the row is not stored).
    """

    def __init__(self, operation: str, status: State) -> None:
        self.status = status
        hint = "; an unprocessed operation is cancelled" if status is Status.UNPROCESSED else ""
        super().__init__(f"{operation} is {in_words(status)}, not running{hint}")


class KeyTakenError(OperationError):
    """A key that belongs to an operation of another type."""

    def __init__(self, key: UUID, operation: str, operation_type: str) -> None:
        super().__init__(
            f"key {key} belongs to {operation}, so it cannot create a {operation_type!r}"
        )


class DuplicateGroupError(OperationError):
    """One name of two action groups."""

    def __init__(self, name: str) -> None:
        super().__init__(f"an action group named {name!r} is registered already")


class UnknownGroupError(OperationError):
    """A name that no action group has."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        super().__init__(
            f"no action group is named {name!r}; registered: {', '.join(known) or 'none'}"
        )


class InputError(OperationError):
    """Unusable arguments of a run.

    They cannot be stored as JSON, or the countdown is too long.
    """


class UnavailableError(OperationError):
    """Celery, its broker, or the backend in its place is missing.

    So no worker can be asked. The message, one line, says which is missing. Nothing was stored, or
    the stored operation is finished as failed: no operation is left that looks as if it would run.
    """


class ActionError(OperationError):
    """Failure of an action that explains itself: raise it in ``execute``.

    ``data``, a JSON value, is stored with the error; ``message`` is one line for people. Both hold
    no secrets.
    """

    def __init__(self, data: Any, message: str = "") -> None:
        self.data = data
        super().__init__(message)


class ActionsFailedError(OperationError):
    """Failure of a synchronous run.

    ``operation`` and the stored ``results`` of its actions describe it. The error of the first
    action that failed is the ``__cause__``.
    """

    def __init__(self, operation: BatchOperation) -> None:
        self.operation = operation
        self.results = operation.results
        failed = " and ".join(f"{name!r}" for name in self.results.failed)
        super().__init__(f"{operation} failed" + (f" in action {failed}" if failed else ""))


class ClaimError(OperationError):
    """An attempt without the operation, or no longer with it.

    It wrote nothing.
    """


class GoneError(ClaimError):
    """An operation that was cancelled before its start, or finished."""


class AlreadyTakenError(ClaimError):
    """An operation that another attempt has taken.

    That attempt runs it, or its lease is not over yet.
    """


class ClaimLostError(ClaimError):
    """A claim that another attempt took over.

    This attempt was silent for longer than the lease.
    """


class WorkersLostError(OperationError):
    """An operation that lost too many workers.

    It probably kills them.
    """


class StoppedError(OperationError):
    """A stop of the operation, on request."""


class RetryableError(OperationError):
    """A failure of an action that may pass.

    The operation was handed back for a retry.
    """


class NextAttemptError(OperationError):
    """An attempt has done its share, and the next one goes on. Not a failure."""

"""What this app raises, each with one line for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from token_rotation.operations.lifecycle import State, Status, allowed_from, in_words

if TYPE_CHECKING:
    from token_rotation.operations.models import BatchOperation


class BatchError(Exception):
    """Something that a batch operation does not allow."""


class StatusChangeError(BatchError):
    """The status may not change like that, or no longer: somebody else was first.

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


class NotRunningError(BatchError):
    """Only a running operation has a heartbeat and can be asked to stop. Nothing was written.

    ``status`` is the one that is stored now (None: the row is not stored).
    """

    def __init__(self, operation: str, status: State) -> None:
        self.status = status
        hint = "; an unprocessed operation is cancelled" if status is Status.UNPROCESSED else ""
        super().__init__(f"{operation} is {in_words(status)}, not running{hint}")


class KeyTakenError(BatchError):
    """The key belongs to an operation of another type."""

    def __init__(self, key: UUID, operation: str, operation_type: str) -> None:
        super().__init__(
            f"key {key} belongs to {operation}, so it cannot create a {operation_type!r}"
        )


class DuplicateGroupError(BatchError):
    """Two action groups have one name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"an action group named {name!r} is registered already")


class UnknownGroupError(BatchError):
    """No action group has the name."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        super().__init__(
            f"no action group is named {name!r}; registered: {', '.join(known) or 'none'}"
        )


class InputError(BatchError):
    """A run was asked for with something that cannot be stored as JSON, or in an unknown way."""


class UnavailableError(BatchError):
    """Asynchronous work cannot be had here: Celery or its broker is missing. One line says which.

    Nothing was stored, or what was is finished as failed: no operation is left that looks as if it
    would run.
    """


class ActionsFailedError(BatchError):
    """A synchronous run failed; ``operation`` and the stored ``results`` of its actions say how.

    The action's own error is the ``__cause__``.
    """

    def __init__(self, operation: BatchOperation, results: list[dict[str, Any]]) -> None:
        self.operation = operation
        self.results = results
        failed = [result["action"] for result in results if result["status"] != "successful"]
        super().__init__(f"{operation} failed" + "".join(f" in action {name!r}" for name in failed))


class ClaimError(BatchError):
    """This attempt does not, or no longer, have the operation. Nothing was written by it."""


class GoneError(ClaimError):
    """It was cancelled before it started, or has finished."""


class HeldError(ClaimError):
    """Another attempt is running it, or died so recently that nobody can tell."""


class ClaimLostError(ClaimError):
    """Another attempt took its place, because this one was silent for longer than the lease."""


class WorkersLostError(BatchError):
    """The operation lost too many workers: it is taken for what kills them."""


class StoppedError(BatchError):
    """Somebody asked the operation to stop, and it has."""


class RetryableError(BatchError):
    """An action failed in a way that may pass. The operation was handed back, to be tried again."""

"""What the methods of an operation raise. Each message names the operation and its status."""

from __future__ import annotations

from uuid import UUID

from tickets.batch.lifecycle import State, Status, allowed_from, in_words


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

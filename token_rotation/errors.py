"""What a rotation can end with when it does not end well.

Every message is meant for the person at the keyboard: what is wrong, what is safe, what to
type next. None of them ever holds a token.
"""

from __future__ import annotations


class RotationError(Exception):
    """The rotation cannot go on."""


class NotReadyError(RotationError):
    """The table, its guard or its indexes are not as the rotation needs them.

    ``problems`` holds one sentence each, with the command that mends it.
    """

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__(" Also: ".join(problems))
        self.problems = problems


class UnknownTargetError(RotationError):
    """No model, or no database, of that name has a rotating token."""


class DatabaseGoneError(RotationError):
    """The database stayed out of reach, or kept failing, for longer than the retry time."""


class StatementError(RotationError):
    """PostgreSQL refused a statement for a reason that a retry does not mend."""


class TokenSourceError(RotationError):
    """The function that makes tokens cannot be found, or did not make what it was asked for."""


class UnyieldingRowsError(RotationError):
    """Rows stay pending although the rotation's UPDATE reports them as changed."""


class TooManyRowsError(RotationError):
    """More rows were chosen for one transaction than may be locked at a time."""


class NotDispatchableError(RotationError):
    """Ranges cannot be sent to workers: something is missing, or does not go together."""


class WithdrawnError(RotationError):
    """The broker was lost before all ranges of a rotation had been sent to workers."""


class AbortedError(RotationError):
    """The operator asked for an end at once; the batch in flight was rolled back."""


class ListError(RotationError):
    """A list of leaked tokens or of keys cannot be used; its message quotes nothing of the list."""


class SelectionError(RotationError):
    """What the operator asked for names no rows: a time, a filter or options that do not fit."""


class EvidenceError(RotationError):
    """The evidence cannot be written."""

"""The errors of this library.

Every message is for the person at the keyboard: what is wrong, what is safe, what to type next.
No message holds a token.
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
    """The database was out of reach, or kept failing, for longer than the retry time."""


class StatementError(RotationError):
    """PostgreSQL refused a statement, and another try would not help."""


class TokenSourceError(RotationError):
    """The function that makes tokens is missing, or made something else."""


class UnyieldingRowsError(RotationError):
    """Rows stay pending although an UPDATE reports them as changed."""


class TooManyRowsError(RotationError):
    """More rows were chosen for one transaction than may be locked at a time."""


class NotDispatchableError(RotationError):
    """Workers cannot take ranges: something is missing, or options conflict."""


class WithdrawnError(RotationError):
    """The broker was lost before all ranges of a distributed rotation were sent."""


class AbortedError(RotationError):
    """The operator asked for an end at once; PostgreSQL rolled the running batch back."""


class ListError(RotationError):
    """A list of tokens or keys cannot be used; the message quotes nothing of it."""


class SelectionError(RotationError):
    """A time, a filter or options do not fit, so that they select no rows."""


class EvidenceError(RotationError):
    """The evidence cannot be written."""

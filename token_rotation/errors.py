"""The errors of this library.

Every message is for the person at the keyboard: what is wrong, what is safe, what to type next.
No message holds a token.
"""

from __future__ import annotations


class RotationError(Exception):
    """The rotation cannot go on."""


class NotReadyError(RotationError):
    """The table, guard or indexes are unfit for a rotation.

    ``problems`` holds one sentence each, with the command that mends it.
    """

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("; also: ".join(problems))
        self.problems = problems


class UnknownTargetError(RotationError):
    """No model with a rotating token has that name.

    Or no database has that name.
    """


class DatabaseGoneError(RotationError):
    """The database stayed out of reach beyond the retry time.

    Or it kept failing for longer than that.
    """


class StatementError(RotationError):
    """PostgreSQL refused a statement, and another try would not help."""


class AbortAskedError(RotationError):
    """The operator's own query said that the rotation must end."""


class TokenSourceError(RotationError):
    """The function for tokens is missing, or made something else."""


class ClockBehindError(RotationError):
    """The database's clock lies too far behind the cut-off."""


class NoTokenError(RotationError):
    """The row has no token, and a rotation gives it none."""


class UnyieldingRowsError(RotationError):
    """Rows stay pending although an UPDATE reports them as changed, or are pending again."""


class KeyOrderError(RotationError):
    """An index gives keys in another order than their comparison has."""


class OverwrittenTokensError(RotationError):
    """Rows held other tokens than those that a batch wrote."""


class TooManyRowsError(RotationError):
    """More rows were chosen than one transaction may lock."""


class TokenUpdateError(RotationError):
    """A token cannot be set in this way, and nothing was changed."""


class NotDispatchableError(RotationError):
    """Workers cannot take ranges: something is missing, or options conflict."""


class WithdrawnError(RotationError):
    """The broker was lost before all ranges were sent.

    The ranges are those of a distributed rotation.
    """


class NotKnownError(RotationError):
    """The server fell silent before it said if it carried out a COMMIT."""


class AbortedError(RotationError):
    """The operator asked for an end at once.

    The message says what became of the running batch.
    """


class ListError(RotationError):
    """A list of tokens or keys is unusable.

    The message quotes nothing of it.
    """


class DoorError(RotationError):
    """The application cannot be asked about tokens as typed."""


class SelectionError(RotationError):
    """The options select no rows.

    A time, a filter or options do not fit.
    """


class EvidenceError(RotationError):
    """The evidence cannot be written."""


class LeakReportError(RotationError):
    """A report of leaked tokens was not dealt with to its end; send it again."""

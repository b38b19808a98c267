"""Tell the security log how a rotation begins and ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from token_rotation.security_log import SecurityEvent, tell
from token_rotation.selection.target import Target

COMPLETE, NOTHING_PENDING, INCOMPLETE, FAILED = (
    "complete",
    "nothing_pending",
    "incomplete",
    "failed",
)
"""How a rotation ended. Only the first says that the guard was looked at, too."""


def tell_begun(target: Target, rows: int | None) -> None:
    """Log that rows are about to be rotated; their number may be an estimate."""
    tell(
        SecurityEvent.ROTATION_BEGUN,
        "a rotation of leaked tokens has begun",
        target=target.label,
        database=target.database,
        pending_rows=rows,
    )


def tell_ended(
    label: str, database: str, outcome: str, rows: int, *, error: str | None = None
) -> None:
    """Log how a rotation ended; ``error`` is a class, never a text."""
    tell(
        SecurityEvent.ROTATION_ENDED,
        f"a rotation of leaked tokens has ended: {outcome.replace('_', ' ')}",
        target=label,
        database=database,
        outcome=outcome,
        rotated_rows=rows,
        error=error,
    )


@contextmanager
def end_told(target: Target, rotated_rows: Callable[[], int]) -> Iterator[Callable[[bool], None]]:
    """Log the end of what happens inside, which calls what it gets if it did not fail."""
    outcomes: list[str] = []
    try:
        yield lambda complete: outcomes.append(COMPLETE if complete else INCOMPLETE)
    except BaseException as error:
        told = target.label, target.database, FAILED, rotated_rows()
        tell_ended(*told, error=type(error).__name__)
        raise
    outcome = outcomes[-1] if outcomes else INCOMPLETE
    tell_ended(target.label, target.database, outcome, rotated_rows())

"""Reported leaked tokens: one entry, and its doors.

The doors are the command ``report_leak``, a signed webhook and a revocation endpoint.
"""

from typing import TYPE_CHECKING

from token_rotation._public import public_names

if TYPE_CHECKING:
    from token_rotation.intake.outcome import LeakOutcome
    from token_rotation.intake.take_in import report_leak

__all__ = ["LeakOutcome", "report_leak"]

if not TYPE_CHECKING:  # a type checker would take any name at all for granted
    __getattr__ = public_names(
        __name__,
        {
            "LeakOutcome": "token_rotation.intake.outcome",
            "report_leak": "token_rotation.intake.take_in",
        },
    )

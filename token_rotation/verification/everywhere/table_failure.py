"""Failures of one table that leave the others to be searched."""

from __future__ import annotations

from token_rotation.postgres import driver
from token_rotation.postgres.faults.failures import fault_of, reason_of
from token_rotation.postgres.faults.sqlstate import Fault
from token_rotation.verification.everywhere.not_searched import Why

_NO_SUCH_TABLE = "42P01"


class GoneError(Exception):
    """The table was dropped since it was listed."""


class RewrittenError(Exception):
    """The table got another file since it was listed; its number is the argument."""


class SlowError(Exception):
    """The table took longer than its snapshot may last."""


TABLE_FAILURES = (driver.Error, GoneError, RewrittenError, SlowError)


def why_left_out(error: Exception) -> tuple[Why, str]:
    """Return why a table was not searched, and what PostgreSQL said, without values."""
    if isinstance(error, RewrittenError):
        return Why.REWRITTEN, ""
    if isinstance(error, SlowError):
        return Why.SLOW, ""
    if isinstance(error, GoneError) or driver.sqlstate_of(error) == _NO_SUCH_TABLE:
        return Why.GONE, ""
    if fault_of(error) in (Fault.LOCKED, Fault.CONTENTION):
        return Why.LOCKED, ""
    return Why.REFUSED, reason_of(error)

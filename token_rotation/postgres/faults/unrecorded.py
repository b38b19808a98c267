"""A migration that is applied and not recorded.

Django may record a migration in a transaction of its own, after the COMMIT of what it changed.
"""

from __future__ import annotations

from token_rotation.postgres import driver

_THERE_ALREADY = {"42P07", "42701", "42710"}
"""SQLSTATE of a relation, a column, or a constraint or another object that already exists."""

TO_RECORD = (
    "python manage.py migrate --plan names first the one that is not recorded. If all that it "
    "changes is there, run: python manage.py migrate --fake APP NAME, then: python manage.py "
    "migrate"
)
"""The way out, without a full stop."""


def way_out(error: Exception) -> str | None:
    """Return what helps if ``error`` says that something already exists; None for any other.

    Takes an error that Django has wrapped. Without a full stop.
    """
    if driver.sqlstate_of(error.__cause__) not in _THERE_ALREADY:
        return None
    return f"An earlier migrate may have applied this migration without recording it: {TO_RECORD}"

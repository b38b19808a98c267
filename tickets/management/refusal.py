"""What the database refused to seed_tickets."""

from contextlib import suppress

from django.db import DatabaseError, InterfaceError

from tickets.management import seeding
from token_rotation.postgres import (
    Fault,
    fault_of,
    first_of,
    is_lost,
    is_read_only,
    reason_of,
    sqlstate_of,
)

DATABASE_ERRORS = (DatabaseError, InterfaceError)


def refusal_of(alias: str, error: Exception) -> str:
    """Return what the database refused, and what helps, without details.

    The details can hold a whole row with its token.
    """
    if is_lost(error):
        reason = reason_of(first_of(error))
        # Where it gave up, the server is there; what it waits for is not.
        return reason if reason.startswith("gave up") else f"cannot reach the database: {reason}"
    reason = f"the database refused: {reason_of(error)}"
    if fault_of(error) is Fault.LOCKED:
        with suppress(*DATABASE_ERRORS):
            reason += f"; the tables are locked by {seeding.holders(alias)}"
        return f"{reason}. Run the same command again when the lock is gone"
    if is_read_only(error):
        return f"{reason}. Seed on the primary"
    if sqlstate_of(error) == "42501":
        return f"{reason}. Seed as a role that may write these tables"
    return reason

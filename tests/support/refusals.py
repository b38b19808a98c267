"""Errors as the driver raises them when PostgreSQL refuses a statement."""

from tests.support import driver

LOCKED, TIMED_OUT, DUPLICATE, DEADLOCK, CHECK = "55P03", "57014", "23505", "40P01", "23514"


def refusal(sqlstate: str) -> driver.Error:
    """The driver's error with that SQLSTATE."""
    refused = type("Refused", (driver.Error,), {driver.SQLSTATE_NAME: sqlstate})
    error: driver.Error = refused("refused")
    return error

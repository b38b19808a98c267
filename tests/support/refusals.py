"""Errors as the driver raises them when PostgreSQL refuses a statement."""

import psycopg2

LOCKED, TIMED_OUT, DUPLICATE, DEADLOCK, CHECK = "55P03", "57014", "23505", "40P01", "23514"


def refusal(sqlstate: str) -> psycopg2.Error:
    """The driver's error with that SQLSTATE."""
    refused = type("Refused", (psycopg2.Error,), {"pgcode": sqlstate})
    error: psycopg2.Error = refused("refused")
    return error

"""Reasons why a report is refused or ends early.

No message holds a value from a row.
"""

from __future__ import annotations

from token_rotation.postgres import driver

_IN_WORDS = {
    "57014": "its query was cancelled, or took longer than allowed",
    "57P01": "the database is shutting down, or somebody ended the query's session",
    "57P02": "the database crashed",
    "57P03": "the database is starting or stopping",
    "53300": "the database has no connection left",
    "25P03": "the reader took nothing for too long",
    "25P04": "its transaction took longer than allowed",
}


class ReportError(Exception):
    """A report that was refused or ended early.

    The message is for the reader. ``status`` is the HTTP status if nothing was sent yet.
    ``retry_after_seconds`` is set if a later request may succeed.
    """

    status = 500
    retry_after_seconds: int | None = None


class BusyError(ReportError):
    """A report refused because REPORTS_AT_MOST run already."""

    status = 503
    retry_after_seconds = 60


class UnreachableError(ReportError):
    """A database that cannot be reached."""

    status = 503
    retry_after_seconds = 10


class StoppedError(ReportError):
    """A report that was stopped.

    The server stops, the time limit is over, or the reader is too slow.
    """

    status = 503
    retry_after_seconds = 10


class QueryError(ReportError):
    """A query that failed."""


class IncompleteReportError(Exception):
    """An error for the web server: end the connection abnormally.

    So the client notices that the report is incomplete.
    """


def query_error(error: driver.Error) -> QueryError:
    """Describe the condition without the server's own message.

    The server's message may quote data.
    """
    sqlstate = driver.sqlstate_of(error)
    if sqlstate is None:
        return QueryError("the connection to the database was lost")
    words = _IN_WORDS.get(sqlstate, "the database refused its query")
    return QueryError(f"{words} ({type(error).__name__}, {sqlstate})")

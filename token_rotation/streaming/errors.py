"""Why a report is refused, or ends early. No message ever holds a value from a row."""

from __future__ import annotations

import psycopg2

_IN_WORDS = {
    "57014": "its query was cancelled, or took longer than it may",
    "57P01": "the database is shutting down, or somebody ended the query's session",
    "57P02": "the database crashed",
    "57P03": "the database is starting or stopping",
    "53300": "the database has no connection left",
    "25P03": "the reader took nothing for too long",
    "25P04": "its transaction took longer than it may",
}


class ReportError(Exception):
    """What a reader is told; ``status`` is the HTTP status while nothing has been sent yet.

    ``retry_after_seconds`` is set where asking again later may help.
    """

    status = 500
    retry_after_seconds: int | None = None


class BusyError(ReportError):
    """As many reports as are allowed at a time are being made already."""

    status = 503
    retry_after_seconds = 60


class UnreachableError(ReportError):
    """The database cannot be reached."""

    status = 503
    retry_after_seconds = 10


class StoppedError(ReportError):
    """The server stops, the time is up, or the reader is too slow."""

    status = 503
    retry_after_seconds = 10


class QueryError(ReportError):
    """The query failed."""


class IncompleteReportError(Exception):
    """Raised into the web server, so that it ends the connection abnormally."""


def query_error(error: psycopg2.Error) -> QueryError:
    """The condition in words. The server's own message is left out: it may quote data."""
    if error.pgcode is None:
        return QueryError("the connection to the database was lost")
    words = _IN_WORDS.get(error.pgcode, "the database refused its query")
    return QueryError(f"{words} ({type(error).__name__}, {error.pgcode})")

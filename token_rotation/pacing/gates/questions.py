"""Questions of the operator's own, asked between batches: a query, or a URL."""

from __future__ import annotations

import urllib.error
import urllib.request
from http import HTTPStatus
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

from token_rotation.errors import NotReadyError
from token_rotation.postgres import driver, statements
from token_rotation.postgres.connection import Connection
from token_rotation.postgres.driver import sql
from token_rotation.postgres.faults.failures import READ_ONLY as READ_ONLY_TRANSACTION
from token_rotation.postgres.faults.failures import fault_of, reason_of
from token_rotation.postgres.faults.sqlstate import Fault

ANSWER_SECONDS = 1.0
URL_SECONDS = 2.0
READ_ONLY = sql.SQL("SET TRANSACTION READ ONLY")

YES, NO = 1.0, 0.0

PASSING = (Fault.CONNECTION, Fault.RESOURCES, Fault.LOCKED, Fault.CONTENTION)
"""Faults that another try may mend, and no change of the query."""


def answer(connection: Connection, query: str, flag: str) -> float | None:
    """Return YES or NO, or None where the server has not answered within a second.

    The query runs in a transaction of its own that may only read, and is rolled back. Raises
    NotReadyError for a query that fails, or whose answer is not one boolean; driver errors that
    another try may mend pass through.
    """
    limits = {"statement_timeout_ms": int(ANSWER_SECONDS * 1000)}
    try:
        with connection.rolled_back(READ_ONLY, statements.LIMIT_LOOK, values=limits):
            rows = connection.rows(_one_statement(query))
    except driver.Error as error:
        if fault_of(error) is Fault.TIMED_OUT:
            return None
        if driver.sqlstate_of(error) != READ_ONLY_TRANSACTION and fault_of(error) in PASSING:
            raise
        raise NotReadyError(
            (f"The query of {flag} fails: {reason_of(error)}. Mend it, or leave out {flag}",)
        ) from None
    if len(rows) != 1 or len(rows[0]) != 1 or not isinstance(rows[0][0], bool):
        raise NotReadyError(
            (f"The query of {flag} must answer with one boolean. Mend it, or leave out {flag}",)
        )
    return YES if rows[0][0] else NO


def _one_statement(query: str) -> sql.Composed:
    """As a sub-select: a second statement, which could leave the transaction, is a syntax error."""
    return sql.SQL("SELECT * FROM (\n{query}\n) AS answer").format(
        query=sql.SQL(query.rstrip().removesuffix(";"))
    )


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect is an answer other than 200."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirect, urllib.request.ProxyHandler({}))


def status_of(url: str) -> str:
    """Return "" for an answer of 200, else what was answered, without the URL."""
    try:
        with _OPENER.open(url, timeout=URL_SECONDS) as response:
            status = int(response.status)
    except urllib.error.HTTPError as error:
        with error:  # it holds the connection
            status = error.code
    except (OSError, ValueError, HTTPException) as error:
        reason = getattr(error, "reason", error)
        return f"no answer ({type(reason).__name__})"
    return "" if status == HTTPStatus.OK else f"{status}"


def host_of(url: str) -> str:
    """The host and port of a URL, for people."""
    return urlsplit(url).netloc

"""The database session of one report: a connection, a transaction and a cursor of its own."""

from __future__ import annotations

import os
import socket
from collections.abc import Generator
from contextlib import suppress
from typing import Any

import psycopg2
from django.db import Error as DjangoError
from django.db import connections

from token_rotation.streaming.errors import BusyError, UnreachableError
from token_rotation.streaming.pace import FetchPace
from token_rotation.streaming.query import Query
from token_rotation.streaming.settings import Limits

Row = tuple[Any, ...]

PLACES = 1_919_250_543
"""The first key of the advisory locks for which reports compete, an arbitrary number."""

# All of it ends with the transaction: behind a transaction-pooling proxy nothing stays in a
# session. The last three are for a web server that is killed, stopped or cut off: the database
# then ends the query, or the transaction, by itself.
_BEGIN = """
SET TRANSACTION READ ONLY;
SET LOCAL cursor_tuple_fraction = 1;
SET LOCAL statement_timeout = %(statement_timeout_ms)s;
SET LOCAL idle_in_transaction_session_timeout = %(idle_timeout_ms)s;
SET LOCAL client_connection_check_interval = 1000
"""

_TAKE_A_PLACE = """
SELECT place FROM generate_series(1, %(places)s) AS place
WHERE pg_try_advisory_xact_lock(%(family)s, place) LIMIT 1
"""


class Session:
    """Opened, read and closed by one thread; ``cancel`` and ``hang_up`` are for others."""

    def __init__(self, query: Query, limits: Limits) -> None:
        self._query = query
        self._limits = limits
        self._raw: Any = None

    def open(self) -> None:
        """Connect and take one of the places that there are for reports.

        Raises UnreachableError, BusyError and psycopg2's errors.
        """
        wrapper = connections[self._query.database].copy()
        wrapper.settings_dict["OPTIONS"]["application_name"] = self._query.application_name
        wrapper.inc_thread_sharing()
        try:
            wrapper.connect()
        except (psycopg2.Error, DjangoError):  # whose text may name hosts and users
            raise UnreachableError("the database cannot be reached") from None
        self._raw = wrapper.connection
        self._raw.rollback()  # with AUTOCOMMIT off, connecting has begun a transaction
        self._raw.autocommit = False
        with self._raw.cursor() as cursor:
            cursor.execute(_BEGIN, self._timeouts_ms())
            cursor.execute(
                _TAKE_A_PLACE, {"family": PLACES, "places": self._limits.reports_at_most}
            )
            if cursor.fetchone() is None:
                raise BusyError("other reports are being made at the moment; try again in a minute")

    def fetches(self, pace: FetchPace) -> Generator[list[Row]]:
        """The answer, some rows at a time, as many as ``pace`` says."""
        with self._raw.cursor(name="report") as cursor:
            cursor.execute(self._query.statement, self._query.values)
            while rows := cursor.fetchmany(pace.rows):
                yield rows

    def close(self) -> None:
        """End the transaction, so that the place is free at once, and the connection."""
        if self._raw is not None:
            with suppress(psycopg2.Error):
                self._raw.rollback()
            self._raw.close()

    def cancel(self) -> None:
        """Cancel the statement in flight. Nothing happens when there is none."""
        raw = self._raw
        if raw is not None:
            with suppress(psycopg2.Error):
                raw.cancel()

    def hang_up(self) -> None:
        """Cut the connection under a thread that still waits for an answer."""
        raw = self._raw
        if raw is not None:
            with (
                suppress(psycopg2.Error, OSError),
                socket.socket(fileno=os.dup(raw.fileno())) as connection,
            ):
                connection.shutdown(socket.SHUT_RDWR)

    def _timeouts_ms(self) -> dict[str, int]:
        return {
            "statement_timeout_ms": _ms(self._limits.seconds_at_most),
            # After the channel has given up, for which this stands in.
            "idle_timeout_ms": _ms(self._limits.stalled_seconds + 10),
        }


def _ms(seconds: float) -> int:
    return max(1, int(seconds * 1000))

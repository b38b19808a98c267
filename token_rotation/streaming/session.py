"""The database session of one report.

It has its own connection, transaction and cursor.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Generator
from contextlib import suppress
from typing import Any

from django.db import Error as DjangoError

from token_rotation.postgres import driver
from token_rotation.postgres.cancel_request import CancelRequest
from token_rotation.postgres.opening import open_raw
from token_rotation.streaming.errors import BusyError, UnreachableError
from token_rotation.streaming.pace import FetchPace
from token_rotation.streaming.query import Query
from token_rotation.streaming.settings import Limits
from token_rotation.streaming.sql import BEGIN, LOCK_CLASS, TAKE_PLACE

Row = tuple[Any, ...]


class Session:
    """A session that one thread opens, reads and closes.

    Other threads may call ``cancel`` and ``hang_up``.
    """

    def __init__(self, query: Query, limits: Limits) -> None:
        self._query = query
        self._limits = limits
        self._raw: Any = None
        self._request: CancelRequest | None = None

    def open(self) -> None:
        """Connect and take one of the REPORTS_AT_MOST places.

        Raises UnreachableError, BusyError and the driver's errors.
        """
        try:
            self._raw = open_raw(
                self._query.database,
                autocommit=False,
                application_name=self._query.application_name,
            )
        except (driver.Error, DjangoError):  # whose text may name hosts and users
            raise UnreachableError("the database cannot be reached") from None
        self._request = CancelRequest(self._raw)
        places = {"lock_class": LOCK_CLASS, "places": self._limits.reports_at_most}
        with self._raw.cursor() as cursor:
            cursor.execute(BEGIN, self._timeouts_ms())
            cursor.execute(TAKE_PLACE, places)
            if cursor.fetchone() is None:
                raise BusyError("other reports are being made at the moment; try again in a minute")

    def fetches(self, pace: FetchPace) -> Generator[list[Row]]:
        """Yield the rows, as many at once as ``pace`` says."""
        with self._raw.cursor(name="report") as cursor:
            cursor.execute(self._query.statement, self._query.values)
            while rows := cursor.fetchmany(pace.rows):
                yield rows

    def close(self) -> None:
        """End the transaction and close the connection.

        The end of the transaction frees the place at once.
        """
        if self._raw is not None:
            with suppress(driver.Error):
                self._raw.rollback()
            self._raw.close()
        if self._request is not None:
            self._request.close()

    def cancel(self) -> None:
        """Cancel the running statement, if there is one. Returns at once."""
        if self._request is not None:
            self._request.send_aside()

    def hang_up(self) -> None:
        """Cut the connection of a thread that awaits an answer."""
        raw = self._raw
        if raw is not None:
            with (
                suppress(driver.Error, OSError),
                socket.socket(fileno=os.dup(raw.fileno())) as connection,
            ):
                connection.shutdown(socket.SHUT_RDWR)

    def _timeouts_ms(self) -> dict[str, int]:
        return {
            "statement_timeout_ms": _ms(self._limits.seconds_at_most),
            # Later than the channel gives up: this is for a process that is gone.
            "idle_timeout_ms": _ms(self._limits.stalled_seconds + 10),
        }


def _ms(seconds: float) -> int:
    return max(1, int(seconds * 1000))

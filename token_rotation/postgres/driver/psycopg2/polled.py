"""A connection that never blocks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg2
from psycopg2.extensions import POLL_OK, POLL_WRITE
from psycopg2.sql import Composable


class PolledConnection:
    """Opens a connection and sends a statement, all in steps that return at once.

    Each step may raise the driver's errors. ``fileno`` may be polled between them, for writing if
    it ``wants_to_write``, else for reading.
    """

    def __init__(self, parameters: Mapping[str, str]) -> None:
        self._raw: Any = psycopg2.connect(**{**parameters, "async_": True})  # type: ignore[call-overload]
        self._cursor: Any = None
        self.wants_to_write = False

    def fileno(self) -> int:
        return int(self._raw.fileno())

    @property
    def backend_pid(self) -> int:
        return int(self._raw.info.backend_pid)

    def is_ready(self) -> bool:
        """Go on. Return True when it is open, or when the answer to what was sent has come."""
        state = self._raw.poll()
        self.wants_to_write = state == POLL_WRITE
        return bool(state == POLL_OK)

    def send(self, query: Composable) -> None:
        self._cursor = self._raw.cursor()
        self._cursor.execute(query)

    def rows(self) -> list[Any]:
        """Return the rows of the answer that has come."""
        return list(self._cursor.fetchall())

    def close(self) -> None:
        self._raw.close()

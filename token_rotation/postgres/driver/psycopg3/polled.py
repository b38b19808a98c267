"""A connection that never blocks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psycopg import OperationalError, pq
from psycopg.adapt import Transformer
from psycopg.conninfo import make_conninfo
from psycopg.errors import error_from_result
from psycopg.sql import Composable


class PolledConnection:
    """Opens a connection and sends a statement, all in steps that return at once.

    Each step may raise the driver's errors. ``fileno`` may be polled between them, for writing if
    it ``wants_to_write``, else for reading.
    """

    def __init__(self, parameters: Mapping[str, str]) -> None:
        self._libpq = pq.PGconn.connect_start(make_conninfo(**parameters).encode())
        self._is_open = False
        self._awaits_answer = False
        self._results: list[Any] = []
        self.wants_to_write = True
        if self._libpq.status == pq.ConnStatus.BAD:
            raise self._failure()

    def fileno(self) -> int:
        return int(self._libpq.socket)

    @property
    def backend_pid(self) -> int:
        return int(self._libpq.backend_pid)

    def is_ready(self) -> bool:
        """Go on. Return True when it is open, or when the answer to what was sent has come."""
        if not self._is_open:
            return self._opens()
        return not self._awaits_answer or self._is_answered()

    def send(self, query: Composable) -> None:
        self._results = []
        self._libpq.send_query(query.as_bytes(None))
        self._awaits_answer = True
        self.wants_to_write = bool(self._libpq.flush())

    def rows(self) -> list[Any]:
        """Return the rows of the answer that has come."""
        result = self._results[-1]
        if result.status != pq.ExecStatus.TUPLES_OK:
            raise error_from_result(result)
        transformer = Transformer()
        transformer.set_pgresult(result)
        return list(transformer.load_rows(0, result.ntuples, tuple))

    def close(self) -> None:
        self._libpq.finish()

    def _opens(self) -> bool:
        state = self._libpq.connect_poll()
        if state == pq.PollingStatus.FAILED:
            raise self._failure()
        self._is_open = bool(state == pq.PollingStatus.OK)
        self.wants_to_write = bool(state == pq.PollingStatus.WRITING)
        if self._is_open:
            self._libpq.nonblocking = 1
        return self._is_open

    def _is_answered(self) -> bool:
        self._libpq.consume_input()
        self.wants_to_write = bool(self._libpq.flush())
        while not self._libpq.is_busy():
            result = self._libpq.get_result()
            if result is None:
                self._awaits_answer = False
                return True
            self._results.append(result)
        return False

    def _failure(self) -> OperationalError:
        return OperationalError(self._libpq.error_message.decode(errors="replace").strip())

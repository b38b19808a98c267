"""A question to the server about backends, on a connection of its own, that never blocks."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Sequence
from typing import Any

import psycopg2
from psycopg2.extensions import POLL_OK, POLL_WRITE

from token_rotation.postgres import driver
from token_rotation.postgres.silence.backends import (
    QUESTION,
    Look,
    Refused,
    Unanswered,
    answer_about,
)

SPOKEN = re.compile(r"(?:^|: )[^\s:]{2,20}:  (?P<said>.*)")
"""libpq passes on what a server says when it refuses: severity, colon and two blanks."""

Server = tuple[tuple[str, str], ...]
"""The parameters of a connection, as psycopg2 takes them."""


def server_of(raw: Any) -> Server:
    """Return the server that a connection leads to, so that the question goes to the same."""
    info = raw.info
    parameters = {name: value for name, value in info.dsn_parameters.items() if value}
    parameters |= {"host": info.host, "port": str(info.port), "password": info.password or ""}
    parameters["hostaddr"] = _address(raw)
    return tuple(sorted((name, value) for name, value in parameters.items() if value))


def _address(raw: Any) -> str:
    """Return the server's address: a look-up of its name could stop every thread for long."""
    with socket.socket(fileno=os.dup(raw.fileno())) as line:
        return str(line.getpeername()[0]) if line.family != socket.AF_UNIX else ""


class Question:
    """Asks about ``pids`` again and again; its connection stays open meanwhile.

    ``begin`` and ``advance`` return at once. ``descriptor`` may be polled between them.
    """

    def __init__(self, server: Server) -> None:
        self._parameters: dict[str, Any] = dict(server)
        self._raw: Any = None
        self._cursor: Any = None
        self._pids: Sequence[int] = ()
        self._failed: Look | None = None
        self.asked_at: float | None = None

    @property
    def is_open(self) -> bool:
        """Return True while an answer is awaited."""
        return self.asked_at is not None

    def begin(self, pids: Sequence[int], now: float) -> None:
        self.asked_at, self._pids, self._failed = now, pids, None
        self._cursor = None
        if self._raw is None:
            try:
                self._raw = psycopg2.connect(**{**self._parameters, "async_": True})
            except driver.Error as error:
                self._failed = _failure(error)

    def wants(self) -> tuple[int, bool] | None:
        """Return the descriptor to wait for, and whether to write; None where there is none."""
        if not self.is_open or self._raw is None or self._failed is not None:
            return None
        try:
            return self._raw.fileno(), self._state == POLL_WRITE
        except driver.Error:
            return None

    def advance(self) -> dict[int, Look] | None:
        """Return the answer for each pid; None while it has not come."""
        if self._failed is None:
            try:
                rows = self._step()
            except driver.Error as error:
                self._failed = _failure(error)
            else:
                if rows is None:
                    return None
                self.asked_at = None
                is_pooled = rows[0][0] != self._raw.info.backend_pid
                return {pid: answer_about(pid, rows, is_pooled=is_pooled) for pid in self._pids}
        return self.give_up(self._failed)

    def give_up(self, look: Look | None = None) -> dict[int, Look]:
        """Ask no longer; the next question takes a new connection."""
        failed = look or Unanswered()
        self.close()
        return dict.fromkeys(self._pids, failed)

    def close(self) -> None:
        raw, self._raw, self._cursor, self.asked_at = self._raw, None, None, None
        if raw is not None:
            raw.close()

    _state = POLL_OK

    def _step(self) -> list[Any] | None:
        self._state = self._raw.poll()
        if self._state != POLL_OK:
            return None
        if self._cursor is None:
            self._cursor = self._raw.cursor()
            name = self._parameters.get("application_name", "")
            self._cursor.execute(QUESTION, {"pids": list(self._pids), "name": name})
            self._state = self._raw.poll()
            if self._state != POLL_OK:
                return None
        rows: list[Any] = self._cursor.fetchall()
        return rows


def _failure(error: driver.Error) -> Look:
    """Tell a server that refuses, and so lives, from one that nobody reaches."""
    if error.pgcode is not None:
        return Refused(f"{type(error).__name__} ({error.pgcode})")
    said = SPOKEN.search(str(error))
    return Unanswered() if said is None else Refused(said["said"].strip())

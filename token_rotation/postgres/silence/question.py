"""A question to the server about backends, on a connection of its own, that never blocks."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Sequence
from typing import Any

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
"""The parameters of a connection, as libpq takes them."""


def server_of(raw: Any) -> Server:
    """Return the server that a connection leads to, so that the question goes to the same."""
    info = raw.info
    parameters = {name: value for name, value in driver.parameters_of(raw).items() if value}
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
        self._parameters = dict(server)
        self._raw: driver.PolledConnection | None = None
        self._is_sent = False
        self._pids: Sequence[int] = ()
        self._failed: Look | None = None
        self.asked_at: float | None = None

    @property
    def is_open(self) -> bool:
        """Return True while an answer is awaited."""
        return self.asked_at is not None

    def begin(self, pids: Sequence[int], now: float) -> None:
        self.asked_at, self._pids, self._failed = now, pids, None
        self._is_sent = False
        if self._raw is None:
            try:
                self._raw = driver.PolledConnection(self._parameters)
            except driver.Error as error:
                self._failed = _failure(error)

    def wants(self) -> tuple[int, bool] | None:
        """Return the descriptor to wait for, and whether to write; None where there is none."""
        if not self.is_open or self._raw is None or self._failed is not None:
            return None
        try:
            return self._raw.fileno(), self._raw.wants_to_write
        except driver.Error:
            return None

    def advance(self) -> dict[int, Look] | None:
        """Return the answer for each pid; None while it has not come."""
        if self._failed is None and self._raw is not None:
            try:
                rows = self._step(self._raw)
            except driver.Error as error:
                self._failed = _failure(error)
            else:
                if rows is None:
                    return None
                self.asked_at = None
                is_pooled = rows[0][0] != self._raw.backend_pid
                return {pid: answer_about(pid, rows, is_pooled=is_pooled) for pid in self._pids}
        return self.give_up(self._failed)

    def give_up(self, look: Look | None = None) -> dict[int, Look]:
        """Ask no longer; the next question takes a new connection."""
        failed = look or Unanswered()
        self.close()
        return dict.fromkeys(self._pids, failed)

    def close(self) -> None:
        raw, self._raw, self.asked_at = self._raw, None, None
        if raw is not None:
            raw.close()

    def _step(self, raw: driver.PolledConnection) -> list[Any] | None:
        if not raw.is_ready():
            return None
        if not self._is_sent:
            name = self._parameters.get("application_name", "")
            pids = driver.Literal(list(self._pids))
            raw.send(driver.SQL(QUESTION).format(pids=pids, name=driver.Literal(name)))
            self._is_sent = True
            if not raw.is_ready():
                return None
        return raw.rows()


def _failure(error: driver.Error) -> Look:
    """Tell a server that refuses, and so lives, from one that nobody reaches."""
    sqlstate = driver.sqlstate_of(error)
    if sqlstate is not None:
        return Refused(f"{type(error).__name__} ({sqlstate})")
    said = SPOKEN.search(str(error))
    return Unanswered() if said is None else Refused(said["said"].strip())

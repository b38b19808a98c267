"""A connection for looks, which waits for locks in short attempts."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from token_rotation.events import Observer
from token_rotation.postgres import driver
from token_rotation.postgres.connection import Connection, Row, Values
from token_rotation.postgres.driver import sql
from token_rotation.postgres.faults.failures import fault_of
from token_rotation.postgres.faults.sqlstate import Fault
from token_rotation.postgres.silence.bounds import LONG_WORK
from token_rotation.stop import StopSignal

LOCKED_AT_MOST_SECONDS = 10.0

Answer = TypeVar("Answer")


class LookConnection(Connection):
    """A connection whose statements wait for locks a bounded time, all of them together.

    Each statement by itself, and the beginning of a transaction, is tried again while others keep
    a table locked, for ``locked_seconds`` in total. An attempt lasts half a second at most, and
    ``stop`` is heard after each. The driver's error of the last attempt passes through.
    """

    def __init__(
        self,
        alias: str,
        *,
        connect_seconds: int | None = None,
        locked_seconds: float = LOCKED_AT_MOST_SECONDS,
        stop: StopSignal | None = None,
        observe: Observer = lambda _: None,
    ) -> None:
        super().__init__(alias, connect_seconds=connect_seconds, bounds=LONG_WORK, observe=observe)
        self._left_seconds = locked_seconds
        self._stop = stop

    def rows(self, query: sql.Composable, values: Values | None = None) -> list[Row]:
        return self._until_unlocked(partial(super().rows, query, values))

    def row(self, query: sql.Composable, values: Values | None = None) -> Row | None:
        return self._until_unlocked(partial(super().row, query, values))

    def change(self, query: sql.Composable, values: Values | None = None) -> int:
        return self._until_unlocked(partial(super().change, query, values))

    def _begin(self, beginning: sql.Composable, values: Values | None) -> None:
        self._until_unlocked(partial(super()._begin, beginning, values))

    def _until_unlocked(self, attempt: Callable[[], Answer]) -> Answer:
        while self._is_idle:
            began_at = time.monotonic()
            try:
                return attempt()
            except driver.Error as error:
                self._left_seconds -= time.monotonic() - began_at
                if fault_of(error) is not Fault.LOCKED or self._left_seconds <= 0 or self._stopped:
                    raise
                self._roll_back()
        return attempt()

    @property
    def _is_idle(self) -> bool:
        return driver.is_idle(self._open().raw)

    @property
    def _stopped(self) -> bool:
        return self._stop is not None and self._stop.requested

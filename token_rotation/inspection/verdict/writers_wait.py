"""Wait for the transactions that were open when the table's last tokens were retired.

The guard of such a transaction may have looked before that, and what it has stored is not seen
before its COMMIT. Later ones see every retired token.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from threading import Event

from token_rotation.inspection.keeping import accepts_sent, keeps
from token_rotation.inspection.verdict.open_writer import OpenWriter
from token_rotation.inspection.whole_view import Ask
from token_rotation.selection.marked_table import MarkedTable
from token_rotation.sql.server import writers as writers_sql

WRITERS_AT_MOST_SECONDS = 2.0
LOOK_AGAIN_SECONDS = 0.05

OnWait = Callable[[Sequence[OpenWriter]], None]
"""Hears now and then who is waited for."""


class WritersWait:
    """Waits for open transactions that have written to the target's table or below it.

    All waits of one object last ``at_most_seconds`` together; ``stopped`` ends each. Only a target
    that takes sent tokens or keeps retired ones needs it: other guards store no token that is sent
    in an INSERT, and nothing could recognise one afterwards.
    """

    def __init__(
        self,
        ask: Ask,
        target: MarkedTable,
        *,
        at_most_seconds: float = WRITERS_AT_MOST_SECONDS,
        stopped: Callable[[], bool] = lambda: False,
        on_wait: OnWait = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ask = ask
        self._table = target.table
        self._is_needed = keeps(target) or accepts_sent(target)
        self._left_seconds = at_most_seconds
        self._stopped = stopped
        self._on_wait = on_wait
        self._clock = clock

    def run(self) -> tuple[OpenWriter, ...]:
        """Wait for those that are open now; return those that still are. Driver errors pass."""
        if not self._is_needed:
            return ()
        began_at = self._clock()
        awaited = left = self._open()
        while left and not self._stopped() and self._clock() < began_at + self._left_seconds:
            self._on_wait(tuple(left.values()))
            Event().wait(LOOK_AGAIN_SECONDS)  # time.sleep() fails under libfaketime
            left = {each: writer for each, writer in self._open().items() if each in awaited}
        self._left_seconds -= self._clock() - began_at
        return tuple(left.values())

    def _open(self) -> dict[str, OpenWriter]:
        """Those open now, by their virtual transaction, which PREPARE TRANSACTION leaves as is."""
        rows = self._ask(writers_sql.open_writers(), {"table": self._table})
        return {virtual: OpenWriter(*rest) for virtual, *rest in rows}

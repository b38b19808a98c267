"""VACUUM beside a rotation, against table growth."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from threading import Thread

from django.db import OperationalError

from token_rotation.events import Observer, Remark
from token_rotation.inspection.counting import estimated_rows
from token_rotation.inspection.snapshots import next_transaction
from token_rotation.maintenance.vacuum import TableVacuum, Vacuumed
from token_rotation.postgres import driver
from token_rotation.postgres.connection import Connection
from token_rotation.selection.marked_table import MarkedTable

FEWEST_ROWS = 50_000
SLOW_COST_LIMIT = 100
FAST_COST_LIMIT = 4_000
GIVE_WAY_AFTER_SECONDS = 3.0
"""After so long without a break in the traffic. A short visit does not slow a VACUUM down."""

TRY_AGAIN_AFTER = 0.1
"""A VACUUM that was left out is due again after this part of the usual rows: what was in its way,
such as autovacuum, is soon gone."""

LOOK_EVERY_SECONDS = 0.1
"""To ask at each batch whether a VACUUM is in the way would cost more than to show the batch."""

CANCEL_EVERY_SECONDS = 0.2
CANCEL_TIMES = 25


def due_rows(connection: Connection, target: MarkedTable, every_percent: float) -> float:
    """Return the number of rotated rows that makes VACUUM due.

    It is a part of the table, at least 50,000.

    The server's estimate counts. A VACUUM that meets rows on the move makes it too low, so that
    the next one comes sooner.
    """
    return max(FEWEST_ROWS, estimated_rows(connection, target) * every_percent / 100)


def cost_limit(*, meets_traffic: bool) -> int:
    """Return the pace of a VACUUM beside a rotation.

    It is a value of PostgreSQL's vacuum_cost_limit.
    """
    return SLOW_COST_LIMIT if meets_traffic else FAST_COST_LIMIT


class BackgroundVacuum:
    """VACUUMs of the table beside the batches.

    They let the batches reuse the space of replaced rows.

    - A VACUUM begins each time ``every_percent`` of the table's rows were rotated, and at least
      50,000; one at a time.
    - While ``meets_traffic`` it runs at half of autovacuum's pace, otherwise faster.
    - After three seconds of traffic, a slow VACUUM replaces a fast one. When ``holds_back`` (such
      as for a lagging standby) that happens at once, and no VACUUM begins.
    - One that cannot or need not run is left out with a remark, the same remark only once.
      ``left_out_because`` gives the reason until one is done.
    - No fault of a VACUUM ends a rotation.
    """

    def __init__(
        self,
        target: MarkedTable,
        every_percent: float,
        *,
        meets_traffic: Callable[[], bool],
        holds_back: Callable[[], bool],
        observe: Observer,
    ) -> None:
        self._target = target
        self._every_percent = every_percent
        self._meets_traffic = meets_traffic
        self._holds_back = holds_back
        self._observe = observe
        self._thread: Thread | None = None
        self._vacuum: TableVacuum | None = None
        self._is_brisk = self._gave_way = False
        self._others_since: float | None = None
        self._look_at = self._cancel_at = 0.0
        self._closed = False
        self._since_xid: int | None = None
        self._rows_since = 0
        self._due_rows = float("inf")
        self._usual_due_rows: float = FEWEST_ROWS  # as last looked at
        self._told = ""
        self.left_out_because: str | None = None
        self.vacuums = 0
        self.seconds = 0.0

    def begin(self) -> None:
        """Look at the table before the first batch."""
        if self._every_percent:
            self._start(self._look)

    def rotated(self, rows: int) -> None:
        """Count rotated rows; begin a VACUUM when it is due.

        Returns at once.
        """
        self._rows_since += rows
        if self._is_busy:
            if (now := time.monotonic()) >= self._look_at:
                self._look_at = now + LOOK_EVERY_SECONDS
                self._give_way(now)
        elif self._rows_since >= self._due_rows and not (self._closed or self._holds_back()):
            self._rows_since = 0
            self._start(self._clean)

    def _give_way(self, now: float) -> None:
        """End a fast VACUUM that is in the way.

        ``_clean`` then begins a slow one.
        """
        vacuum = self._vacuum
        if not self._meets_traffic():
            self._others_since = None
        elif self._others_since is None:
            self._others_since = now
        since = self._others_since
        if not self._is_brisk or vacuum is None or now < self._cancel_at:
            return
        if self._holds_back() or (since is not None and now - since >= GIVE_WAY_AFTER_SECONDS):
            self._gave_way = True
            self._cancel_at = now + CANCEL_EVERY_SECONDS  # it may have been between two statements
            vacuum.cancel()

    def close(self) -> None:
        """End the VACUUM that runs, if any.

        What it has cleaned stays clean.
        """
        self._closed = True
        for _ in range(CANCEL_TIMES):
            if self._thread is None or not self._is_busy:
                return
            if self._vacuum is not None:
                self._vacuum.cancel()
            self._thread.join(timeout=CANCEL_EVERY_SECONDS)

    @property
    def _is_busy(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _start(self, work: Callable[[], None]) -> None:
        """Start the VACUUM in a daemon thread.

        A server that does not answer must not keep the process alive.
        """
        self._thread = Thread(target=work, name="rotation-vacuum", daemon=True)
        self._thread.start()

    def _look(self) -> None:
        """Note when a VACUUM is due, and the current transaction.

        It is due after a number of rows. Rows die from that transaction on.
        """
        connection = Connection(self._target.database)
        with suppress(driver.Error, OperationalError):  # it looks again, or says why not
            self._usual_due_rows = due_rows(connection, self._target, self._every_percent)
            self._since_xid = next_transaction(connection)
        self._due_rows = self._usual_due_rows
        connection.close()

    def _clean(self) -> None:
        since_xid = self._since_xid
        self._look()
        vacuumed = self._run(since_xid, brisk=not (self._meets_traffic() or self._holds_back()))
        if self._gave_way and not (vacuumed.done or self._closed):
            vacuumed = self._run(since_xid, brisk=False)
        if vacuumed.done:
            self.vacuums += 1
            self.left_out_because = None
            return
        if self._closed:
            return
        self._since_xid = since_xid  # what died since then is still there
        self._due_rows = self._usual_due_rows * TRY_AGAIN_AFTER
        self.left_out_because = reason = vacuumed.skipped_because or ""
        told = reason.partition("(")[0]  # what follows has an age, which is another each time
        if told != self._told:
            self._told = told
            self._observe(Remark(f"no VACUUM of {self._target.table}: {reason}"))

    def _run(self, since_xid: int | None, *, brisk: bool) -> Vacuumed:
        self._gave_way, self._others_since = False, None
        self._vacuum = TableVacuum(self._target, cost_limit=cost_limit(meets_traffic=not brisk))
        self._is_brisk = brisk
        vacuumed = self._vacuum.run(since_xid=since_xid)
        self._is_brisk = False
        self.seconds += vacuumed.seconds
        return vacuumed

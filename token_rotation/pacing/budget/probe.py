"""Measure what a short transaction takes, all the while, on a connection of its own."""

from __future__ import annotations

from threading import Event, Thread

from django.db import OperationalError

from token_rotation.errors import DatabaseGoneError
from token_rotation.pacing.budget.seen_sessions import SeenSession, number_of_this, others_among
from token_rotation.pacing.budget.statement_reader import OWN_SESSIONS, StatementReader
from token_rotation.pacing.budget.traffic_budget import TrafficBudget
from token_rotation.postgres import driver
from token_rotation.postgres.connection import Connection

AFTER_A_FAULT_SECONDS = 1.0
LOOK_WHILE_OFF_SECONDS = 1.0


class Probe:
    """Probes in a daemon thread, until ``close``; each is ``query``, which ``probe()`` builds.

    No fault of a probe ends a rotation: without probes the budget lets nothing grow. While the
    budget is 0 there is no probe, and no connection.
    """

    def __init__(self, database: str, query: driver.sql.Composable, budget: TrafficBudget) -> None:
        self._budget = budget
        self._query = query
        self._connection = Connection(database)
        self._statements = StatementReader(budget)
        self._closed = Event()
        self._thread = Thread(target=self._probe, name="rotation-probe", daemon=True)

    def begin(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """End the probes. One without an answer is cancelled."""
        self._closed.set()
        if self._thread.is_alive():
            self._connection.cancel()

    def _probe(self) -> None:
        wait_seconds = 0.0
        while not self._closed.wait(wait_seconds):
            wait_seconds = self._once()
        self._connection.close()

    def _once(self) -> float:
        if not self._budget.is_on:
            self._connection.close()
            return LOOK_WHILE_OFF_SECONDS
        try:
            self._connection.open()
            self._budget.probe_begins()
            rows = self._connection.rows(self._query)
            seen = [SeenSession(*columns) for _, *columns, _, _, _ in rows]
            others = others_among(seen, OWN_SESSIONS)
            wait_seconds = self._budget.probe_ends(rows[0][0], others)
            self._statements.leave_out(number_of_this(seen))
            self._statements.read_if_due(self._connection)
        except (driver.Error, OperationalError, DatabaseGoneError):
            self._budget.probe_failed()
            return AFTER_A_FAULT_SECONDS
        return wait_seconds

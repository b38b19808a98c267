"""Read pg_stat_statements as the rests of a rotation begin and end."""

from __future__ import annotations

import psycopg2

from token_rotation.pacing.budget.statement_times import Totals
from token_rotation.pacing.budget.traffic_budget import TrafficBudget
from token_rotation.postgres.connection import Connection
from token_rotation.sql.server.statement_times import place_of_the_extension, statement_times


class StatementReader:
    """A second sign beside the probes, for servers that have it; others lose nothing."""

    def __init__(self, budget: TrafficBudget) -> None:
        self._budget = budget
        self._schema: str | None = None
        self._is_known = False
        self._was_at_rest = False

    def read_if_due(self, connection: Connection) -> None:
        """Read the totals where a rest has begun or ended since the last look.

        Where the server refuses it, it is never asked again. Raises DatabaseGoneError and
        OperationalError.
        """
        is_at_rest = self._budget.is_at_rest
        was_at_rest, self._was_at_rest = self._was_at_rest, is_at_rest
        if is_at_rest == was_at_rest or not self._is_there(connection):
            return
        try:
            rows = connection.rows(statement_times(str(self._schema)))
        except psycopg2.ProgrammingError:  # an old version of it, or no right
            self._schema = None
        except psycopg2.errors.ObjectNotInPrerequisiteState:  # made, but not loaded
            self._schema = None
        else:
            totals = {number: Totals(calls, seconds) for number, calls, seconds in rows}
            self._budget.read_statements(totals, at_rest=was_at_rest)

    def _is_there(self, connection: Connection) -> bool:
        if not self._is_known:
            row = connection.row(place_of_the_extension())
            self._schema, self._is_known = (row[0] if row else None), True
        return self._schema is not None

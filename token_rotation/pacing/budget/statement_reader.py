"""Read pg_stat_statements as the rests of a rotation begin and end."""

from __future__ import annotations

from token_rotation.pacing.budget.statement_times import Totals
from token_rotation.pacing.budget.traffic_budget import TrafficBudget
from token_rotation.postgres import driver, sessions
from token_rotation.postgres.connection import Connection
from token_rotation.postgres.opening import APPLICATION_NAME
from token_rotation.sql.server.statement_times import place_of_the_extension, statement_times

OWN_SESSIONS = [APPLICATION_NAME, sessions.APPLICATION_NAME]

REFUSED = (
    driver.ProgrammingError,  # an old version of it, or no right
    driver.ObjectNotInPrerequisiteState,  # made, but not loaded
    driver.DataError,
    driver.InternalError,
    driver.QueryCanceled,  # too slow
)


class StatementReader:
    """A second sign beside the probes, for servers that have it; others lose nothing."""

    def __init__(self, budget: TrafficBudget) -> None:
        self._budget = budget
        self._schema: str | None = None
        self._is_known = False
        self._was_at_rest = False
        self._own: set[int] = set()

    def leave_out(self, number: int | None) -> None:
        """Count no more what the rotation runs itself; None where the server numbers nothing."""
        if number is not None:
            self._own.add(number)

    def read_if_due(self, connection: Connection) -> None:
        """Read the totals where a rest has begun or ended since the last look.

        Where the server refuses it, it is never asked again. Raises what a lost connection raises.
        """
        is_at_rest = self._budget.is_at_rest
        was_at_rest, self._was_at_rest = self._was_at_rest, is_at_rest
        is_due = is_at_rest != was_at_rest or self._budget.begins_anew
        if not is_due or not self._is_there(connection):
            return
        try:
            rows = connection.rows(statement_times(str(self._schema)), {"own": OWN_SESSIONS})
        except REFUSED:
            self._schema = None
            return
        self._own |= {number for number, *_, is_own in rows if is_own}
        totals = {
            number: Totals(calls, seconds)
            for number, calls, seconds, _ in rows
            if number not in self._own
        }
        self._budget.read_statements(totals, at_rest=was_at_rest)

    def _is_there(self, connection: Connection) -> bool:
        if not self._is_known:
            row = connection.row(place_of_the_extension())
            self._schema, self._is_known = (row[0] if row else None), True
        return self._schema is not None

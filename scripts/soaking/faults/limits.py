"""Faults of limits that somebody sets."""

from __future__ import annotations

from soaking.faults.fault import Fault
from soaking.tickets_table import OPERATOR

SHORT_MS = (50, 100, 300)

_TERMINATE = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s"


class TransactionTimeout(Fault):
    """PostgreSQL 17 and newer end each longer transaction of the operator, with its session."""

    name = "transaction_timeout"

    def inflict(self) -> bool:
        limit = self.stage.random.choice(SHORT_MS)
        self.stage.execute(f"ALTER ROLE {OPERATOR} SET transaction_timeout = {limit}")
        self.stage.trouble_passes()
        # Only a new session has it.
        self.stage.execute(_TERMINATE, values=[OPERATOR])
        self.stage.hold(2.0, 6.0)
        self.mend()
        return True

    def mend(self) -> None:
        self.stage.execute(f"ALTER ROLE {OPERATOR} RESET transaction_timeout")

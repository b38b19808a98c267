"""One VACUUM of a target's table at a stated pace.

If there is none, it gives the reason.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass

from token_rotation.events import Observer
from token_rotation.inspection.snapshots import lasting_snapshot
from token_rotation.postgres.autocommit_session import CANCELLED, COST_LIMIT, AutocommitSession
from token_rotation.postgres.connection import Connection
from token_rotation.selection.marked_table import MarkedTable
from token_rotation.sql.server import vacuum as vacuum_sql


@dataclass(frozen=True, slots=True)
class Vacuumed:
    """The end of a VACUUM.

    ``skipped_because`` is None when it is done.
    """

    skipped_because: str | None
    seconds: float = 0.0

    @property
    def done(self) -> bool:
        return self.skipped_because is None


class TableVacuum:
    """A VACUUM with its own cost limit and connection.

    The connection ends with it.

    ``cost_limit`` is PostgreSQL's vacuum_cost_limit, the work between two pauses of 2 ms; by
    default it is autovacuum's. ``observe`` hears what it waits for.
    """

    def __init__(
        self,
        target: MarkedTable,
        *,
        cost_limit: int = COST_LIMIT,
        observe: Observer = lambda _: None,
    ) -> None:
        self._target = target
        self._session = AutocommitSession(target.database, cost_limit=cost_limit, observe=observe)

    def run(self, *, since_xid: int | None = None, analyze: bool = False) -> Vacuumed:
        """Vacuum, or return the reason for none.

        Raises no database error.

        ``since_xid`` is an answer of ``next_transaction``. Where somebody's snapshot still needs
        every row that died after that transaction, the VACUUM is skipped: it could clean nothing.
        It waits a few seconds for those that have just begun, and for batches, and names neither.
        """
        started_at = time.monotonic()

        def work(connection: Connection) -> str | None:
            return self._reason_to_skip(connection, since_xid) or self._vacuum(
                connection, analyze=analyze
            )

        return Vacuumed(self._session.attempt(work), time.monotonic() - started_at)

    def cancel(self) -> None:
        """Cancel as ``AutocommitSession`` does.

        What was cleaned stays clean.
        """
        self._session.cancel()

    def _reason_to_skip(self, connection: Connection, since_xid: int | None) -> str | None:
        if not may_vacuum(connection, self._target):
            return (
                f"this role may not vacuum {self._target.table}: its owner, the database's owner "
                "or, from PostgreSQL 17, a role with MAINTAIN on it may"
            )
        at_work = maintenance_in_progress(connection, self._target)
        if at_work is not None:
            return f"{at_work} is at work on {self._target.table} already"
        if since_xid is None:
            return None
        holder = lasting_snapshot(connection, since_xid, stopped=lambda: self._session.cancelled)
        return f"{holder} still needs the dead rows" if holder else None

    def _vacuum(self, connection: Connection, *, analyze: bool) -> str | None:
        if self._session.cancelled:
            return CANCELLED
        connection.change(vacuum_sql.vacuum(self._target, analyze=analyze))
        # SKIP_LOCKED succeeds without work, and says so in a warning in the server's language. The
        # warnings of a VACUUM that works name no table, or name it with its schema.
        name = re.compile(rf"(?<![.\w]){re.escape(self._target.table)}(?!\w)")
        if any(name.search(notice) for notice in connection.notices):
            return f"another session has locked {self._target.table}"
        return None


def may_vacuum(connection: Connection, target: MarkedTable) -> bool:
    """Return True when the connection's role may vacuum the table."""
    return bool(connection.value(vacuum_sql.may_vacuum(), {"table": target.table}))


def maintenance_in_progress(connection: Connection, target: MarkedTable) -> str | None:
    """Return who vacuums, analyzes or indexes the table now.

    None when nobody does.
    """
    row = connection.row(vacuum_sql.maintenance_lock_holder(), {"table": target.table})
    if row is None:
        return None
    pid, backend_type = row
    return (
        f"{'autovacuum' if backend_type == 'autovacuum worker' else 'another session'} (pid {pid})"
    )

"""One VACUUM of a target's table that traffic does not feel."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass

import psycopg2

from tickets.rotation import sql
from tickets.rotation.connection import Connection, describe
from tickets.rotation.target import Target

COST_DELAY_MS = 2
COST_LIMIT = 200
"""With the delay, the pace that autovacuum has by default: at most 40 MB/s made dirty."""

CANCELLED = "it was cancelled"


@dataclass(frozen=True, slots=True)
class Vacuumed:
    """How a VACUUM ended: ``skipped_because`` is None when it is done."""

    skipped_because: str | None
    seconds: float = 0.0

    @property
    def done(self) -> bool:
        return self.skipped_because is None


@dataclass(frozen=True, slots=True)
class SnapshotHolder:
    """Who keeps dead rows alive; state and age are None where there are none, or hidden."""

    kind: str
    name: str
    state: str | None
    seconds: float | None

    def __str__(self) -> str:
        said = [self.state or "", "" if self.seconds is None else f"open for {self.seconds:.0f} s"]
        details = ", ".join(filter(None, said))
        return f"{self.kind} {self.name}" + (f" ({details})" if details else "")


class TableVacuum:
    """A VACUUM at a low cost limit, on a connection of its own that ends with it.

    ``cost_limit`` is PostgreSQL's vacuum_cost_limit: the work between two pauses of 2 ms. These
    come as start-up options, since VACUUM cannot run in a transaction and a session's settings
    would stay behind in a pooled one.
    """

    def __init__(self, target: Target, *, cost_limit: int = COST_LIMIT) -> None:
        self._target = target
        self._cost = (COST_DELAY_MS, cost_limit)
        self._cancelled = False
        self._connection = Connection(
            target.database,
            startup_options=f"-c vacuum_cost_delay={COST_DELAY_MS}ms "
            f"-c vacuum_cost_limit={cost_limit} -c statement_timeout=0 "
            "-c client_min_messages=warning",
        )

    def run(self, *, since_xid: int | None = None, analyze: bool = False) -> Vacuumed:
        """Vacuum, or say why not. Raises nothing that the database does.

        With ``since_xid`` (of ``next_transaction``) it is skipped where somebody still needs every
        row that died after that transaction, so that nothing could be cleaned.
        """
        started_at = time.monotonic()
        try:
            reason = self._reason_to_skip(since_xid) or self._vacuum(analyze=analyze)
        except psycopg2.Error as error:
            reason = CANCELLED if self._cancelled else self._refusal(error)
        finally:
            self._connection.close()
        return Vacuumed(reason, time.monotonic() - started_at)

    def cancel(self) -> None:
        """End it, from any thread; again if it has not ended: it may have been between statements.

        Nothing is lost: what was cleaned stays so.
        """
        self._cancelled = True
        self._connection.cancel()

    def _reason_to_skip(self, since_xid: int | None) -> str | None:
        if tuple(self._connection.row(sql.vacuum_cost()) or ()) != self._cost:
            return _POOLER
        if not may_vacuum(self._connection, self._target):
            return (
                f"this role may not vacuum {self._target.table}: its owner, the database's owner "
                "or, from PostgreSQL 17, a role with MAINTAIN on it may"
            )
        at_work = upkeep_in_progress(self._connection, self._target)
        if at_work is not None:
            return f"{at_work} is at work on {self._target.table} already"
        holder = since_xid and oldest_snapshot(self._connection, since_xid)
        return f"{holder} still needs the dead rows" if holder else None

    def _vacuum(self, *, analyze: bool) -> str | None:
        if self._cancelled:
            return CANCELLED
        self._connection.change(sql.vacuum(self._target, analyze=analyze))
        # SKIP_LOCKED succeeds without work, and says so in a warning in the server's language. The
        # warnings of a VACUUM that works name no table, or name it with its schema.
        name = re.compile(rf"(?<![.\w]){re.escape(self._target.table)}(?!\w)")
        if any(name.search(notice) for notice in self._connection.notices):
            return f"another session has locked {self._target.table}"
        return None

    def _refusal(self, error: psycopg2.Error) -> str:
        return _POOLER if "startup parameter" in str(error) else describe(error)


_POOLER = (
    "its cost limit does not reach the server, so that it would disturb traffic: a connection "
    "pooler drops start-up options. Give it a DATABASE_URL that leads straight to the server"
)


def may_vacuum(connection: Connection, target: Target) -> bool:
    """Whether the connection's role may vacuum the table."""
    return bool(connection.value(sql.may_vacuum(), {"table": target.table}))


def upkeep_in_progress(connection: Connection, target: Target) -> str | None:
    """Who vacuums, analyzes or indexes the table at this moment, in words."""
    row = connection.row(sql.table_upkeep(), {"table": target.table})
    if row is None:
        return None
    pid, backend_type = row
    return (
        f"{'autovacuum' if backend_type == 'autovacuum worker' else 'another session'} (pid {pid})"
    )


def next_transaction(connection: Connection) -> int:
    """A mark in time: rows that die later than this call die in this transaction or a later one."""
    return int(connection.value(sql.next_transaction()))


def oldest_snapshot(connection: Connection, since_xid: int) -> SnapshotHolder | None:
    """Who keeps every row alive that died since ``since_xid``; None when nobody seen does."""
    row = connection.row(sql.oldest_snapshot(), {"since_xid": since_xid})
    return None if row is None else SnapshotHolder(*row)

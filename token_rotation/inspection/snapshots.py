"""Find who keeps dead rows alive: the oldest snapshot that may still need them."""

from __future__ import annotations

from dataclasses import dataclass

from token_rotation.postgres.connection import Connection
from token_rotation.sql import vacuum as vacuum_sql


@dataclass(frozen=True, slots=True)
class SnapshotHolder:
    """Who keeps dead rows alive; state and seconds are None if absent or hidden."""

    kind: str
    name: str
    state: str | None
    seconds: float | None
    transactions: int

    def __str__(self) -> str:
        age = f"{self.transactions:,} transactions old"
        if self.seconds is not None:
            age = f"open for {self.seconds:.0f} s"
        return f"{self.kind} {self.name} ({', '.join(filter(None, (self.state, age)))})"


def next_transaction(connection: Connection) -> int:
    """Return a transaction number: rows that die after this call die in it or a later one."""
    return int(connection.value(vacuum_sql.next_transaction()))


def oldest_snapshot(connection: Connection, since_xid: int | None) -> SnapshotHolder | None:
    """Return who keeps rows alive that died since ``since_xid``; None if nobody visible does.

    If ``since_xid`` is None: who keeps any dead row alive.
    """
    row = connection.row(vacuum_sql.oldest_snapshot(), {"since_xid": since_xid})
    return None if row is None else SnapshotHolder(*row)

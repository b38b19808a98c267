"""Find the oldest snapshot that keeps dead rows alive.

Such a snapshot may still need them.
"""

from __future__ import annotations

from dataclasses import dataclass

from token_rotation.postgres.connection import Connection
from token_rotation.sql.server import vacuum as vacuum_sql


@dataclass(frozen=True, slots=True)
class SnapshotHolder:
    """Holder of a snapshot that keeps dead rows alive.

    State and seconds are None if absent or hidden.
    """

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
    """Return a transaction number.

    Rows that die after this call die in it or a later one.
    """
    return int(connection.value(vacuum_sql.next_transaction()))


def oldest_snapshot(connection: Connection, since_xid: int | None) -> SnapshotHolder | None:
    """Return the holder that keeps rows alive since ``since_xid``.

    The rows died since that transaction. If ``since_xid`` is None, any dead row counts. None if
    nobody visible keeps them.
    """
    row = connection.row(vacuum_sql.oldest_snapshot(), {"since_xid": since_xid})
    return None if row is None else SnapshotHolder(*row)

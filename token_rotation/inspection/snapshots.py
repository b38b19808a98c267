"""Find the oldest snapshot that keeps dead rows alive.

Such a snapshot may still need them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event

from token_rotation.postgres import opening, sessions
from token_rotation.postgres.connection import Connection
from token_rotation.sql.server import vacuum as vacuum_sql

JUST_BEGUN_SECONDS = 3.0
"""A younger transaction is most likely a short one, soon gone."""

LOOK_AGAIN_SECONDS = 0.1
OWN = [opening.APPLICATION_NAME, sessions.APPLICATION_NAME]


@dataclass(frozen=True, slots=True)
class SnapshotHolder:
    """Holder of a snapshot that keeps dead rows alive.

    State and seconds are None if absent or hidden. It is ``is_passing`` if it has just begun, or is
    a session of a rotation: those last as long as a batch.
    """

    kind: str
    name: str
    state: str | None
    seconds: float | None
    transactions: int
    is_passing: bool

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

    The rows died since that transaction. If ``since_xid`` is None, any dead row counts. It is one
    that is passing only if there is no other. None if nobody visible keeps them.
    """
    values = {"since_xid": since_xid, "begun_seconds": JUST_BEGUN_SECONDS, "own": OWN}
    row = connection.row(vacuum_sql.oldest_snapshot(), values)
    return None if row is None else SnapshotHolder(*row)


def lasting_snapshot(
    connection: Connection, since_xid: int, *, stopped: Callable[[], bool]
) -> SnapshotHolder | None:
    """Return the holder that keeps rows alive since ``since_xid`` and is not passing.

    Wait a few seconds for those that are. None if there are no others, or when ``stopped``.
    """
    ends_at = time.monotonic() + JUST_BEGUN_SECONDS + 1
    while (holder := oldest_snapshot(connection, since_xid)) is not None and holder.is_passing:
        if stopped() or time.monotonic() >= ends_at:
            return None
        Event().wait(LOOK_AGAIN_SECONDS)  # time.sleep() fails under libfaketime
    return holder

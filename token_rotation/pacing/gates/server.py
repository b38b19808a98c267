"""Readings of the server: standbys, backends, WAL and the archive."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

from token_rotation.errors import NotReadyError
from token_rotation.pacing.gates.gate import Lag
from token_rotation.postgres.connection import Connection
from token_rotation.postgres.opening import APPLICATION_NAME
from token_rotation.sql.server import activity as activity_sql
from token_rotation.sql.server import wal as wal_sql

MEGABYTE = 1_000_000


def replica_lag(connection: Connection, left_out: Sequence[str] = ()) -> Lag:
    """Return how far the slowest connected standby is behind.

    0 without standbys. Those whose application name is ``left_out`` do not count. Infinite for a
    standby that is catching up and has not told its lag yet. Raises NotReadyError when the role may
    not see the lag: an unseen lag must not pass for none.
    """
    row = connection.row(activity_sql.replica_lag(), {"left_out": list(left_out)})
    hidden, is_unknown, seconds, standby = row or (0, False, 0.0, "")
    if hidden:
        raise _hidden("the lag of replicas", "--max-replica-lag")
    return Lag.of(standby, math.inf if is_unknown else seconds)


def active_queries(connection: Connection) -> float:
    """Return how many other client backends run a statement now.

    Raises NotReadyError when the role may not see that.
    """
    row = connection.row(activity_sql.active_queries(), {"own": APPLICATION_NAME})
    hidden, active = row or (0, 0)
    if hidden:
        raise _hidden("what other roles' backends do", "--max-active-queries")
    return float(active)


def files_to_archive(connection: Connection) -> float:
    """Return how many files of WAL wait for the archiver.

    Raises NotReadyError when the role may not see that.
    """
    if not connection.value(wal_sql.may_see_archive()):
        raise _hidden("the files that wait for the archiver", "--max-files-to-archive")
    return float(connection.value(wal_sql.files_to_archive()))


class WalRate:
    """Megabytes of WAL a second, of all sessions, since the reading before; 0 at first."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._before: tuple[float, int] | None = None

    def __call__(self, connection: Connection) -> float:
        written, now = int(connection.value(wal_sql.written_bytes())), self._clock()
        before, self._before = self._before, (now, written)
        if before is None or now <= before[0] or written < before[1]:
            return 0.0
        return (written - before[1]) / (now - before[0]) / MEGABYTE


def _hidden(what: str, option: str) -> NotReadyError:
    return NotReadyError(
        (f"This role may not see {what}. Grant it pg_monitor, or leave out {option}",)
    )

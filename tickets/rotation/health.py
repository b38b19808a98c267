"""Readings of the server that a rotation gives way to, and the throttle that uses them."""

from __future__ import annotations

import math
from collections.abc import Callable

from tickets.rotation import sql
from tickets.rotation.connection import APPLICATION_NAME, Connection
from tickets.rotation.errors import NotReadyError
from tickets.rotation.options import RotationOptions
from tickets.rotation.throttle import Throttle, active_queries_signal, replica_lag_signal


def replica_lag_seconds(connection: Connection) -> Callable[[], float]:
    """Reads how far the slowest connected standby is behind, in seconds; 0 without standbys.

    Infinite for a standby that is catching up and has not told its lag yet. The reading raises
    NotReadyError when the role may not see it: an unseen lag must not pass for none.
    """

    def read() -> float:
        hidden, unknown, lag = connection.row(sql.replica_lag()) or (0, 0, 0.0)
        if hidden:
            raise _hidden("the lag of replicas", "--max-replica-lag")
        return math.inf if unknown else float(lag)

    return read


def active_queries(connection: Connection) -> Callable[[], float]:
    """Reads how many other client backends run a statement now."""

    def read() -> float:
        hidden, active = connection.row(sql.active_queries()) or (0, 0)
        if hidden:
            raise _hidden("what other roles' backends do", "--max-active-queries")
        return float(active)

    return read


def others_at_work(connection: Connection) -> Callable[[], bool]:
    """Reads whether a session that is no rotation ran a statement in the last 200 ms.

    Sessions that the role may not see count: better gentle for nothing than rough unknowingly.
    """
    return lambda: bool(connection.value(sql.others_at_work(), {"own": APPLICATION_NAME}))


def make_throttle(
    options: RotationOptions, connection: Connection, clock: Callable[[], float]
) -> Throttle:
    """The throttle that the options ask for; it reads through ``connection``, between batches."""
    signals = []
    if options.max_replica_lag_seconds is not None:
        read_lag = replica_lag_seconds(connection)
        signals.append(replica_lag_signal(options.max_replica_lag_seconds, read_lag))
    if options.max_active_queries is not None:
        read_active = active_queries(connection)
        signals.append(active_queries_signal(options.max_active_queries, read_active))
    regards_traffic = options.traffic_batch_rows > 0
    size_is_fixed = options.batch_rows is not None
    return Throttle(
        clock=clock,
        pause_seconds=options.pause_seconds,
        max_rows_per_second=options.max_rows_per_second,
        signals=tuple(signals),
        traffic_batch_rows=None if size_is_fixed else options.traffic_batch_rows,
        others_at_work=others_at_work(connection) if regards_traffic else None,
    )


def _hidden(what: str, option: str) -> NotReadyError:
    return NotReadyError(
        (f"This role may not see {what}. Grant it pg_monitor, or leave out {option}",)
    )

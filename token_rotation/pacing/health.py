"""Read the server's health for the throttle.

It also makes the throttle that acts on it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial

from token_rotation.errors import NotReadyError
from token_rotation.options import RotationOptions
from token_rotation.pacing.health_signal import Lag, active_queries_signal, replica_lag_signal
from token_rotation.pacing.throttle import Throttle
from token_rotation.postgres import sessions
from token_rotation.postgres.connection import Connection
from token_rotation.postgres.opening import APPLICATION_NAME
from token_rotation.sql.server import activity as others_sql


def replica_lag(connection: Connection, left_out: Sequence[str] = ()) -> Lag:
    """Return how far the slowest connected standby is behind.

    0 without standbys. Those whose application name is ``left_out`` do not count.

    Infinite for a standby that is catching up and has not told its lag yet. Raises NotReadyError
    when the role may not see the lag: an unseen lag must not pass for none.
    """
    row = connection.row(others_sql.replica_lag(), {"left_out": list(left_out)})
    hidden, is_unknown, seconds, standby = row or (0, False, 0.0, "")
    if hidden:
        raise _hidden("the lag of replicas", "--max-replica-lag")
    return Lag.of(standby, math.inf if is_unknown else seconds)


def active_queries(connection: Connection) -> float:
    """Return how many other client backends run a statement now.

    Raises NotReadyError when the role may not see that.
    """
    row = connection.row(others_sql.active_queries(), {"own": APPLICATION_NAME})
    hidden, active = row or (0, 0)
    if hidden:
        raise _hidden("what other roles' backends do", "--max-active-queries")
    return float(active)


def others_at_work(connection: Connection) -> bool:
    """Return True when others worked in the last 200 ms.

    Others are sessions of other programs that ran a statement.

    Sessions of rotations and workers do not count: nobody waits for them. Sessions that the role
    may not see do count, so that the rotation is rather too gentle than too rough.
    """
    own = [APPLICATION_NAME, sessions.APPLICATION_NAME]
    return bool(connection.value(others_sql.others_at_work(), {"own": own}))


def make_throttle(options: RotationOptions, clock: Callable[[], float]) -> Throttle:
    """The throttle that the options ask for."""
    signals = []
    if options.max_replica_lag_seconds is not None:
        read = partial(replica_lag, left_out=options.except_standby)
        signals.append(replica_lag_signal(options.max_replica_lag_seconds, read))
    if options.max_active_queries is not None:
        signals.append(active_queries_signal(options.max_active_queries, active_queries))
    # A change of pace may ask for regard to traffic later, unless the batch size is fixed.
    is_fixed, looks = options.batch_rows is not None, options.traffic_batch_rows > 0
    return Throttle(
        clock=clock,
        pause_seconds=options.pause_seconds,
        max_rows_per_second=options.max_rows_per_second,
        signals=tuple(signals),
        traffic_batch_rows=None if is_fixed else options.traffic_batch_rows,
        others_at_work=others_at_work if looks or not is_fixed else None,
    )


def _hidden(what: str, option: str) -> NotReadyError:
    return NotReadyError(
        (f"This role may not see {what}. Grant it pg_monitor, or leave out {option}",)
    )

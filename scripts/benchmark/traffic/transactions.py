"""What the traffic's log says of each transaction."""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Transaction:
    """One transaction of the schedule.

    `latency_seconds` counts from the moment at which the schedule wanted it to start, as a customer
    would: a transaction that could not even start because all clients were stuck is late, too.
    """

    kind: int
    scheduled_at: float
    latency_seconds: float


def read_log_line(line: str) -> Transaction:
    """Read a line of `pgbench --log`, with or without --rate.

    client, transaction, time, script, epoch, microseconds, with --rate also the schedule lag: the
    time already counts from the scheduled start, so the lag, which is a part of it, is not added.
    """
    _client, _number, time_us, script, epoch, microseconds, *_lag_us = line.split()
    latency_seconds = int(time_us) / 1e6
    ended_at = int(epoch) + int(microseconds) / 1e6
    return Transaction(int(script), ended_at - latency_seconds, latency_seconds)


def percentile(ordered: Sequence[float], percent: float) -> float:
    """The nearest rank of an ascending sequence.

    >>> percentile([1.0, 2.0, 3.0, 4.0], 50)
    2.0
    """
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]

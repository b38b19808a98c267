"""The gates that an operator asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from token_rotation.errors import AbortAskedError
from token_rotation.options import RotationOptions
from token_rotation.pacing.gates import server
from token_rotation.pacing.gates.gate import Gate, HealthSignal, Lag
from token_rotation.pacing.gates.questions import (
    ANSWER_SECONDS,
    NO,
    YES,
    answer,
    host_of,
    status_of,
)
from token_rotation.postgres.connection import Connection


def signals_of(options: RotationOptions) -> tuple[HealthSignal, ...]:
    """Return one signal for each gate of the options."""
    return tuple(_signals(options))


def _signals(options: RotationOptions) -> Iterator[HealthSignal]:
    if options.abort_when is not None:
        yield abort_signal(options.abort_when)
    if options.max_replica_lag_seconds is not None:
        read = partial(server.replica_lag, left_out=options.except_standby)
        yield replica_lag_signal(options.max_replica_lag_seconds, read)
    if options.max_active_queries is not None:
        yield active_queries_signal(options.max_active_queries, server.active_queries)
    if options.max_wal_mb_per_second is not None:
        yield wal_signal(options.max_wal_mb_per_second, server.WalRate())
    if options.max_files_to_archive is not None:
        yield archive_signal(options.max_files_to_archive, server.files_to_archive)
    if options.pause_while is not None:
        yield query_signal(options.pause_while)
    if options.pause_while_url is not None:
        yield url_signal(options.pause_while_url)


def replica_lag_signal(max_lag_seconds: float, read: Callable[[Any], float]) -> HealthSignal:
    """Pause above ``max_lag_seconds``, resume below half of it."""
    gate = Gate(close_above=max_lag_seconds, open_at=max_lag_seconds / 2)
    tell = lambda lag: str(lag if isinstance(lag, Lag) else Lag(lag))  # noqa: E731
    return HealthSignal("replica lag", gate, read, tell)


def active_queries_signal(max_queries: int, read: Callable[[Any], float]) -> HealthSignal:
    """Pause while more than ``max_queries`` other backends are active."""
    gate = Gate(close_above=max_queries, open_at=max_queries)
    return HealthSignal("active queries", gate, read, lambda count: f"{count:.0f} active queries")


def wal_signal(max_mb_per_second: float, read: Callable[[Any], float]) -> HealthSignal:
    """Pause above ``max_mb_per_second`` of WAL, resume at half of it."""
    gate = Gate(close_above=max_mb_per_second, open_at=max_mb_per_second / 2)
    return HealthSignal("WAL", gate, read, lambda rate: f"{rate:.1f} MB of WAL a second")


def archive_signal(max_files: int, read: Callable[[Any], float]) -> HealthSignal:
    """Pause while more than ``max_files`` of WAL wait for the archiver, resume at half of that."""
    gate = Gate(close_above=max_files, open_at=max_files / 2)
    return HealthSignal("archive", gate, read, lambda files: f"{files:.0f} WAL files to archive")


def query_signal(query: str) -> HealthSignal:
    """Pause while the query answers true, or does not answer within a second."""
    asked = Asked(query, "--pause-while")
    return HealthSignal("query", Gate(close_above=NO, open_at=NO), asked, lambda _: asked.reason)


def url_signal(url: str) -> HealthSignal:
    """Pause while the URL answers anything but 200."""
    last = ""

    def read(_: Any) -> float:
        nonlocal last
        last = status_of(url)
        return YES if last else NO

    return HealthSignal(
        "URL", Gate(close_above=NO, open_at=NO), read, lambda _: f"{host_of(url)}: {last}"
    )


def abort_signal(query: str) -> HealthSignal:
    """End the rotation once the query answers true; pause while it does not answer."""
    asked = Asked(query, "--abort-when")

    def read(connection: Connection) -> float:
        reading = asked(connection)
        if reading == YES and asked.has_answered:
            raise AbortAskedError("ended: the query of --abort-when answers true")
        return reading

    return HealthSignal("query", Gate(close_above=NO, open_at=NO), read, lambda _: asked.reason)


class Asked:
    """A query with its last answer."""

    def __init__(self, query: str, flag: str) -> None:
        self._query = query
        self._flag = flag
        self.has_answered = False

    def __call__(self, connection: Connection) -> float:
        found = answer(connection, self._query, self._flag)
        self.has_answered = found is not None
        return YES if found is None else found

    @property
    def reason(self) -> str:
        """Why it pauses."""
        if self.has_answered:
            return f"{self._flag} answers true"
        return f"{self._flag} has not answered within {ANSWER_SECONDS:g} s"

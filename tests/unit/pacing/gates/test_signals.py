"""Each gate closes high, opens low, and says why."""

from typing import Any, cast

import pytest

from tests.support.clock import Clock
from token_rotation.options import RotationOptions
from token_rotation.pacing.gates.server import WalRate
from token_rotation.pacing.gates.signals import (
    archive_signal,
    signals_of,
    wal_signal,
)
from token_rotation.postgres.connection import Connection


class Server:
    """Has written so many bytes of WAL."""

    written = 10**12

    def value(self, _: object) -> int:
        return self.written


def nothing(_: Any) -> float:
    raise AssertionError("read")


def test_wal_pauses_above_the_bound_and_resumes_at_half_of_it() -> None:
    signal = wal_signal(20, nothing)
    closed = [signal.gate.update(each) for each in (19.9, 20, 20.1, 15, 10.1, 10, 15)]
    assert closed == [False, False, True, True, True, False, False]
    assert (signal.kind, signal.tell(20.14)) == ("WAL", "20.1 MB of WAL a second")


def test_the_archive_pauses_above_the_bound_and_resumes_at_half_of_it() -> None:
    signal = archive_signal(4, nothing)
    assert [signal.gate.update(each) for each in (4, 5, 3, 2, 4)] == [
        False,
        True,
        True,
        False,
        False,
    ]
    assert (signal.kind, signal.tell(5.0)) == ("archive", "5 WAL files to archive")


def test_the_rate_of_wal_is_that_since_the_reading_before() -> None:
    clock, server = Clock(), Server()
    rate = WalRate(clock)
    connection = cast(Connection, server)
    assert rate(connection) == 0.0, "nothing to compare with"
    clock.now += 2
    server.written += 30_000_000
    assert rate(connection) == 15.0
    clock.now += 1
    assert rate(connection) == 0.0
    server.written += 5_000_000
    assert rate(connection) == 0.0, "no time has passed"


def test_a_server_that_has_written_less_is_another_one() -> None:
    clock, server = Clock(), Server()
    rate = WalRate(clock)
    connection = cast(Connection, server)
    rate(connection)
    clock.now += 1
    server.written = 1_000_000
    assert rate(connection) == 0.0
    clock.now += 1
    server.written += 7_000_000
    assert rate(connection) == 7.0


@pytest.mark.parametrize(
    ("options", "kinds"),
    [
        ({}, []),
        ({"max_wal_mb_per_second": 1.0}, ["WAL"]),
        ({"max_files_to_archive": 1}, ["archive"]),
        ({"pause_while": "SELECT true"}, ["query"]),
        ({"pause_while_url": "http://host.example/"}, ["URL"]),
        (
            {"max_replica_lag_seconds": 1.0, "abort_when": "SELECT true", "max_active_queries": 1},
            ["query", "replica lag", "active queries"],
        ),
    ],
)
def test_there_is_a_gate_for_each_option_that_is_set(options: Any, kinds: list[str]) -> None:
    assert [signal.kind for signal in signals_of(RotationOptions(**options))] == kinds

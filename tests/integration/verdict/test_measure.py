"""Sizes, settings and snapshots are measured on a real server."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.leaked import leak, value
from tests.support.rotations import RotationFactory
from token_rotation.inspection.measure import measure_server, measure_storage
from token_rotation.postgres.connection import Connection
from token_rotation.selection.target import Target

ROWS = 20_000


@pytest.fixture
def connection(target: Target) -> Any:
    connection = Connection(target.database)
    yield connection
    connection.close()


def test_sizes_are_those_of_the_server(
    target: Target, tickets: Any, connection: Connection
) -> None:
    leak(tickets, ROWS)
    storage = measure_storage(connection, target)
    sizes = "SELECT ARRAY[pg_table_size('tickets_ticket'), pg_indexes_size('tickets_ticket')]"
    assert [storage.table_bytes, storage.index_bytes] == value(tickets, sizes)
    assert storage.dead_rows is not None


def test_a_freshly_filled_token_index_has_its_natural_size_and_a_rotated_one_twice_that(
    target: Target, tickets: Any, connection: Connection, rotation: RotationFactory
) -> None:
    tickets.cursor().execute("ALTER TABLE tickets_ticket SET (autovacuum_enabled = false)")
    leak(tickets, ROWS)
    (before,) = measure_storage(connection, target).token_indexes
    assert before.bytes_now == pytest.approx(before.natural_bytes, rel=0.2)
    rotation().run()
    (after,) = measure_storage(connection, target).token_indexes
    assert after.bytes_now > 1.7 * after.natural_bytes


def test_a_table_locked_by_others_is_not_waited_for_long(
    target: Target,
    connection: Connection,
    database_url: str,
    connect: Callable[[str], Any],
) -> None:
    other = connect(database_url)
    other.cursor().execute("BEGIN; LOCK TABLE tickets_ticket")
    assert measure_storage(connection, target).table_bytes is None


def test_the_servers_settings_and_the_tables_own_are_read(
    target: Target, tickets: Any, connection: Connection
) -> None:
    server = measure_server(connection, target)
    shown = value(tickets, "SELECT pg_size_bytes(current_setting('max_wal_size'))")
    assert server.max_wal_bytes == shown
    assert server.table_autovacuum
    assert server.checkpoints_timed + server.checkpoints_requested >= 0
    tickets.cursor().execute("ALTER TABLE tickets_ticket SET (autovacuum_enabled = off)")
    assert not measure_server(connection, target).table_autovacuum


def test_an_old_snapshot_is_named_and_a_young_one_is_not(
    target: Target, connection: Connection, database_url: str, connect: Callable[[str], Any]
) -> None:
    reader = connect(database_url)
    reader.cursor().execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
    value(reader, "SELECT count(*) FROM tickets_ticket")
    assert measure_server(connection, target, long_seconds=3600).snapshot_holder is None
    holder = measure_server(connection, target, long_seconds=0).snapshot_holder
    assert holder is not None
    assert holder.startswith(f"pid {reader.info.backend_pid} (idle in transaction, open for")

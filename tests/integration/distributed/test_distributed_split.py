"""What is pending is cut into ranges, whatever the type of the keys, and each is rotated alone."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from tests.support.leaked import assert_each_token_changed_once, leak, pending, value
from tests.support.rotations import RotationFactory
from token_rotation.distributed.rounds import split as split_module
from token_rotation.distributed.rounds.split import range_size, split
from token_rotation.engine.result import Outcome
from token_rotation.errors import UnyieldingRowsError
from token_rotation.inspection.counting import pending_rows_of
from token_rotation.postgres.connection import Connection
from token_rotation.selection.key_range import EVERY_KEY, KeyRange
from token_rotation.selection.target import Target


@pytest.fixture
def connection(target: Target) -> Iterator[Connection]:
    connection = Connection(target.database)
    yield connection
    connection.close()


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(split_module, "LEAST_ROWS", 100)
    monkeypatch.setattr(split_module, "MOST_ROWS", 300)
    monkeypatch.setattr(split_module, "MOST_RANGES", 8)


def test_the_number_of_ranges_and_their_size_are_bounded(
    tickets: Any, target: Target, connection: Connection
) -> None:
    leak(tickets, 5000)
    assert [range_size(rows) for rows in (1, 800, 1600, 5000)] == [100, 100, 200, 300]
    assert split(connection, target, 0) == []
    assert split(connection, target, 99) == [EVERY_KEY]
    ranges = split(connection, target, 5000)
    assert [keys.upper for keys in ranges] == [str(300 * place) for place in range(1, 9)]


def test_the_last_range_has_no_end(tickets: Any, target: Target, connection: Connection) -> None:
    leak(tickets, 250, first=-100, step=3)
    assert split(connection, target, 250) == [
        KeyRange(None, "197"),
        KeyRange("197", "497"),
        KeyRange("497", None),
    ]


@pytest.mark.parametrize("guess", [120, 700])
def test_a_wrong_estimate_leaves_no_row_out(
    tickets: Any, target: Target, connection: Connection, guess: int
) -> None:
    leak(tickets, 350)
    ranges = split(connection, target, guess)
    assert ranges[0].after is None
    assert ranges[-1].upper is None
    assert [keys.after for keys in ranges[1:]] == [keys.upper for keys in ranges[:-1]]


@pytest.mark.parametrize(
    ("key_type", "key"),
    [
        ("bigint", "n - 500"),
        ("uuid", "md5(n::text)::uuid"),
        ("text", "'it''s %, ' || n"),
        ("timestamptz", "timestamptz '2020-01-01' + n * interval '1.000001 s'"),
        ("numeric", "n / 7.0"),
    ],
)
def test_keys_of_any_type_are_cut_and_counted(
    tickets: Any, target: Target, connection: Connection, key_type: str, key: str
) -> None:
    tickets.cursor().execute(
        f"CREATE TABLE other (id {key_type} PRIMARY KEY, token_rotated_at timestamptz);"
        f"INSERT INTO other SELECT {key} FROM generate_series(1, 450) AS n"
    )
    other = replace(target, table="other")
    ranges = split(connection, other, 450)
    assert [pending_rows_of(connection, other, keys) for keys in ranges] == [100] * 4 + [50]


def test_a_bounded_rotation_rotates_its_range_and_nothing_else(
    tickets: Any, target: Target, connection: Connection, rotation: RotationFactory
) -> None:
    leak(tickets, 1000)
    ranges = split(connection, target, 1000)
    for keys in reversed(ranges):
        result = rotation(bounds=keys, batch_rows=7).run()
        assert (result.outcome, pending(tickets)) == (
            Outcome.COMPLETE,
            value(tickets, "SELECT count(*) FROM tickets_ticket WHERE id <= %s", keys.after or 0),
        )
    assert_each_token_changed_once(tickets)


def test_a_bounded_rotation_does_not_wait_for_a_row_outside(
    tickets: Any, database_url: str, connect: Any, rotation: RotationFactory
) -> None:
    leak(tickets, 300)
    holder = connect(database_url)
    holder.autocommit = False
    holder.cursor().execute("SELECT FROM tickets_ticket WHERE id = 7 FOR UPDATE")
    outside = rotation(bounds=KeyRange("100", "200"), wait_for_locks_seconds=60).run()
    inside = rotation(bounds=KeyRange(None, "100"), wait_for_locks_seconds=0).run()
    assert (outside.outcome, outside.rotated_rows) == (Outcome.COMPLETE, 100)
    assert (inside.outcome, inside.rotated_rows) == (Outcome.ROWS_LOCKED, 99)
    assert [blocker.pid for blocker in inside.blockers] == [holder.info.backend_pid]
    holder.rollback()


def test_a_change_that_never_holds_is_noticed_within_bounds(
    tickets: Any, rotation: RotationFactory
) -> None:
    leak(tickets, 100)
    tickets.cursor().execute(
        """
        CREATE FUNCTION undo() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN NEW.token = OLD.token; NEW.token_rotated_at = NULL; RETURN NEW; END $$;
        CREATE TRIGGER zz_undo BEFORE UPDATE ON tickets_ticket FOR EACH ROW
        EXECUTE FUNCTION undo();
        """
    )
    with pytest.raises(UnyieldingRowsError):
        rotation(bounds=KeyRange("20", "80")).run()

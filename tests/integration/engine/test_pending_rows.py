"""Where the next batches end, as a worker sees it in the table."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from tests.support import driver
from tests.support.marked_rows import CUT_OFF, ask, store
from token_rotation.engine.batches import pending_rows
from token_rotation.engine.batches.pending_rows import PendingRows
from token_rotation.engine.passes.allocator import Stretch
from token_rotation.postgres.connection import Connection
from token_rotation.selection.key_range import EVERY_KEY, KeyRange
from token_rotation.selection.selection import Selection
from token_rotation.selection.target import Target


@pytest.fixture
def connection(tickets: Any, target: Target) -> Iterator[Connection]:
    store(tickets)
    connection = Connection(target.database)
    yield connection
    connection.close()


def looking(connection: Connection, target: Target, **options: Any) -> PendingRows:
    return PendingRows(connection, target, lock_timeout_ms=50, **options)


def test_a_look_ahead_gives_every_batch_and_a_look_for_one_the_one(
    connection: Connection, target: Target
) -> None:
    found = looking(connection, target)
    assert found.upper_keys(None, 2, 4) == Stretch([3, 9])
    assert found.upper_keys(None, 2, 100) == Stretch([3, 9, 12])
    assert found.upper_keys(None, 2, 2) == Stretch([3])
    assert found.upper_keys(3, 100, 100) == Stretch([12])
    assert found.upper_keys(12, 2, 4) == Stretch([])
    assert looking(connection, target, bounds=KeyRange(None, 6)).upper_keys(None, 2, 9) == Stretch(
        [3, 6]
    )


def test_a_walk_tells_how_far_it_looked_unless_there_was_no_more(
    connection: Connection, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = replace(target, selection=Selection(issued_before=CUT_OFF))
    found = looking(connection, old)
    assert found.upper_keys(None, 3, 9) == Stretch([4, 11, 12])
    monkeypatch.setattr(pending_rows, "WALK_ROWS", 4)
    assert found.upper_keys(None, 2, 9) == Stretch([3, 4], 4)
    assert found.upper_keys(5, 9, 9) == Stretch([11], 11)
    assert found.upper_keys(8, 9, 9) == Stretch([12])
    assert found.upper_keys(12, 9, 9) == Stretch([])


def test_what_is_pending_is_counted_and_cut_within_its_range(
    connection: Connection, target: Target, tickets: Any
) -> None:
    found = looking(connection, target)
    assert [found.count(keys) for keys in (EVERY_KEY, KeyRange(3, 9), KeyRange(12))] == [5, 2, 0]
    assert found.first_part(KeyRange(1, 12), 2) == KeyRange(1, 6)
    assert found.first_part(KeyRange(1, 12), 99) == KeyRange(1, 12)
    assert found.first_part(KeyRange(12, 99), 2) == KeyRange(12, 99)
    assert found.any()
    assert not looking(connection, target, bounds=KeyRange(12)).any()
    assert looking(connection, target, bounds=KeyRange(9)).any()
    assert found.listed_rows(["1"]) == []


def test_a_look_waits_for_a_lock_no_longer_than_it_may(
    connection: Connection, target: Target, other: Any
) -> None:
    ask(other, "LOCK TABLE tickets_ticket IN ACCESS EXCLUSIVE MODE")
    found = looking(connection, target)
    for look in (
        found.any,
        lambda: found.count(EVERY_KEY),
        lambda: found.upper_keys(None, 2, 4),
        lambda: found.first_part(EVERY_KEY, 1),
    ):
        with pytest.raises(driver.errors.LockNotAvailable):
            look()
    other.rollback()

"""Keys are compared as PostgreSQL compares them, and not as an index has them."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.disordered import KEY, PENDING, disorder
from tests.support.leaked import leak
from token_rotation.engine.batches.pending_rows import PendingRows
from token_rotation.errors import KeyOrderError
from token_rotation.inspection.key_order import check_index_order, check_key_order
from token_rotation.postgres.connection import Connection
from token_rotation.selection.key_range import KeyRange
from token_rotation.selection.target import Target


@pytest.fixture
def connection(tickets: Any, target: Target) -> Iterator[Connection]:
    leak(tickets, 100)
    connection = Connection(target.database)
    yield connection
    connection.close()


@pytest.mark.parametrize("keys", [(), (None, 9), (9,), (9, 10), ("9", "10"), (None, 2, 30, 100)])
def test_keys_that_ascend_lead_somewhere(
    connection: Connection, target: Target, keys: tuple[Any, ...]
) -> None:
    check_key_order(connection, target, keys)


@pytest.mark.parametrize("keys", [(10, 9), (9, 9), ("10", "9"), (1, 2, 2), (None, 1, 30, 4, 100)])
def test_keys_that_do_not_ascend_name_the_indexes_that_may_have_given_them(
    connection: Connection, target: Target, keys: tuple[Any, ...]
) -> None:
    with pytest.raises(KeyOrderError, match=f'"{PENDING}" or "{KEY}"'):
        check_key_order(connection, target, keys)


def test_a_range_that_ends_before_it_begins_is_no_range(
    connection: Connection, target: Target
) -> None:
    found = PendingRows(connection, target, lock_timeout_ms=50)
    found.check_order(KeyRange(9, 10))
    found.check_order(KeyRange(None, None))
    with pytest.raises(KeyOrderError):
        found.check_order(KeyRange(10, 9))


@pytest.mark.parametrize("index", [PENDING, KEY])
def test_an_index_is_read_whole_to_see_its_order(
    connection: Connection, target: Target, tickets: Any, index: str
) -> None:
    check_index_order(connection, target)
    disorder(tickets, index)
    with pytest.raises(KeyOrderError, match=f'REINDEX INDEX CONCURRENTLY "{index}"'):
        check_index_order(connection, target)

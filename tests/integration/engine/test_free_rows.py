"""An UPDATE of free rows tells how many it changed, and how many others lock."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.support import driver
from tests.support.batches import range_update
from tests.support.leaked import leak
from token_rotation.engine.batches.batch_outcome import BatchOutcome
from token_rotation.postgres.reading import reading
from token_rotation.selection.key_range import EVERY_KEY, KeyRange
from token_rotation.selection.target import Target
from token_rotation.tokens.random_uuids import random_uuids
from token_rotation.tokens.sources import PythonTokens


@pytest.fixture(params=["of the server", "of Python"])
def aimed(request: pytest.FixtureRequest, target: Target) -> Target:
    if request.param == "of Python":
        return replace(target, token_source=PythonTokens(random_uuids))
    return target


def test_where_nothing_is_pending_nothing_is_changed_or_left(tickets: Any, aimed: Target) -> None:
    leak(tickets, 3)
    with reading(aimed.database) as connection:
        update = range_update(connection, aimed)
        for batch_rows in (None, 1, 10):
            assert update.free_rows(KeyRange(100, 200), batch_rows) == BatchOutcome(0)


def test_rows_that_others_lock_are_left_and_counted(
    tickets: Any, aimed: Target, other: Any, connect: Callable[[str], Any]
) -> None:
    leak(tickets, 10)
    other.cursor().execute("SELECT FROM tickets_ticket WHERE id IN (1, 5) FOR UPDATE")
    with reading(aimed.database) as connection:
        update = range_update(connection, aimed)
        assert update.free_rows(KeyRange(0, 6), 2) == BatchOutcome(2, 4)
        assert update.free_rows(KeyRange(0, 6), None) == BatchOutcome(2, 2)
        assert update.free_rows(EVERY_KEY, None) == BatchOutcome(4, 2)
        other.rollback()
        assert update.free_rows(EVERY_KEY, None) == BatchOutcome(2)


def test_a_locked_table_is_not_waited_for_longer_than_a_row(
    tickets: Any, aimed: Target, other: Any
) -> None:
    leak(tickets, 3)
    tickets.cursor().execute(
        f"ALTER DATABASE \"{tickets.info.dbname}\" SET statement_timeout = '20s'"
    )
    with reading(aimed.database) as connection:
        update = range_update(connection, aimed)
        update.prepare(EVERY_KEY, 2)
        other.cursor().execute("LOCK TABLE tickets_ticket IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(driver.errors.LockNotAvailable):
            update.free_rows(EVERY_KEY, 2)
        other.rollback()
        assert update.free_rows(EVERY_KEY, 2) == BatchOutcome(2, 1)

"""Counts are exact while that is quick, and named as estimates when it is not."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.support import driver
from tests.support.leaked import leak
from tests.support.policies import reading_under_policies
from token_rotation.engine.batches.pending_rows import PendingRows
from token_rotation.inspection.counting import PendingCount, count_pending, estimate_rows
from token_rotation.postgres import statements
from token_rotation.postgres.reading import reading
from token_rotation.selection.target import Target
from token_rotation.sql import batch as batch_sql

TOO_SHORT_SECONDS = 0.05
ROTATE = "UPDATE tickets_ticket SET token = gen_random_uuid(), token_rotated_at = now()"


def test_a_quick_count_is_exact(tickets: Any, target: Target) -> None:
    leak(tickets, 1000)
    with reading(target.database) as connection:
        assert count_pending(connection, target) == PendingCount(1000, is_estimate=False)


def test_a_count_that_takes_too_long_becomes_a_named_estimate(
    tickets: Any, target: Target, slow_at: Callable[[str], None]
) -> None:
    leak(tickets, 1000)
    tickets.cursor().execute("VACUUM ANALYZE tickets_ticket")
    slow_at("id = 1000")
    with reading_under_policies(target.database) as connection:
        counts = estimate_rows(connection, target, at_most_seconds=TOO_SHORT_SECONDS)
    assert counts.total_is_estimate
    assert counts.pending.is_estimate
    assert counts.total_rows == counts.pending.rows == 1000
    assert counts.first_rotated_at is None


def test_the_estimate_of_what_is_pending_comes_from_the_pending_index(
    tickets: Any, target: Target, slow_at: Callable[[str], None]
) -> None:
    leak(tickets, 1000)
    tickets.cursor().execute(f"{ROTATE} WHERE id > 300")
    tickets.cursor().execute("VACUUM ANALYZE tickets_ticket")
    slow_at("id = 300")
    with reading_under_policies(target.database) as connection:
        pending = count_pending(connection, target, at_most_seconds=TOO_SHORT_SECONDS)
    assert (pending.rows, pending.is_estimate) == (300, True)


def test_rows_that_became_pending_since_the_last_vacuum_are_never_estimated_as_none(
    tickets: Any, target: Target, slow_at: Callable[[str], None]
) -> None:
    leak(tickets, 10)
    tickets.cursor().execute("ALTER TABLE tickets_ticket SET (autovacuum_enabled = false)")
    tickets.cursor().execute(ROTATE)
    tickets.cursor().execute("VACUUM ANALYZE tickets_ticket")
    tickets.cursor().execute("UPDATE tickets_ticket SET token_rotated_at = NULL")
    slow_at("id = 10")
    with reading_under_policies(target.database) as connection:
        pending = count_pending(connection, target, at_most_seconds=TOO_SHORT_SECONDS)
    assert (pending.rows, pending.is_estimate) == (1, True)


def test_nothing_pending_is_always_exact(
    tickets: Any, target: Target, slow_at: Callable[[str], None]
) -> None:
    leak(tickets, 1)
    tickets.cursor().execute(ROTATE)
    slow_at("id = 1")
    with reading_under_policies(target.database) as connection:
        pending = count_pending(connection, target, at_most_seconds=TOO_SHORT_SECONDS)
    assert (pending.rows, pending.is_estimate) == (0, False)


def test_a_look_behind_an_old_snapshot_may_take_longer_than_the_roles_statement_timeout(
    tickets: Any, target: Target, limit_connections: Callable[[int], None]
) -> None:
    """There it steps over the entries of all that was rotated since, and finds nothing.

    Here the one entry is of a row that the role may not see, and a look at it takes 0.6 s.
    """
    leak(tickets, 1)
    limit_connections(10)  # row security holds for no superuser
    tickets.cursor().execute(
        "ALTER TABLE tickets_ticket ENABLE ROW LEVEL SECURITY;"
        "CREATE POLICY slow ON tickets_ticket USING (pg_sleep(0.6) IS NULL);"
        f'ALTER DATABASE "{tickets.info.dbname}" SET statement_timeout = 300'
    )
    with reading_under_policies(target.database) as connection:
        pending = count_pending(connection, target)
        with pytest.raises(driver.errors.QueryCanceled):
            connection.value(
                statements.together(statements.AVOID_FULL_SCANS, batch_sql.any_pending(target))
            )
        rows = PendingRows(connection, target, lock_timeout_ms=50)
        assert not rows.any()
    assert (pending.rows, pending.is_estimate) == (0, False)

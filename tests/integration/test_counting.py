"""Counts are exact while that is quick, and named as estimates when it is not."""

from typing import Any

import psycopg2
import pytest

from tests.leaked import leak
from tests.rotations import RotationFactory
from tickets.rotation import sql
from tickets.rotation.connection import reading
from tickets.rotation.counting import count_pending, count_rows
from tickets.rotation.result import Outcome
from tickets.rotation.target import Target

TOO_SHORT_SECONDS = 0.001
TOO_SHORT_MS = 20
ROTATED = " token_rotated_at = now()"


def test_a_quick_count_is_exact(tickets: Any, target: Target) -> None:
    leak(tickets, 1000)
    with reading(target.database) as connection:
        counts = count_rows(connection, target)
    assert (counts.total_rows, counts.total_is_estimate) == (1000, False)
    assert (counts.pending.rows, counts.pending.is_estimate) == (1000, False)


def test_a_count_that_takes_too_long_becomes_a_named_estimate(tickets: Any, target: Target) -> None:
    leak(tickets, 200_000)
    tickets.cursor().execute("VACUUM ANALYZE tickets_ticket")
    with reading(target.database) as connection:
        counts = count_rows(connection, target, at_most_seconds=TOO_SHORT_SECONDS)
    assert counts.total_is_estimate
    assert counts.pending.is_estimate
    assert counts.total_rows == counts.pending.rows == 200_000
    assert counts.first_rotated_at is None


def test_the_estimate_of_what_is_pending_comes_from_the_pending_index(
    tickets: Any, target: Target
) -> None:
    leak(tickets, 200_000)
    tickets.cursor().execute(
        "UPDATE tickets_ticket SET token = gen_random_uuid(), token_rotated_at = now() "
        "WHERE id > 60000"
    )
    tickets.cursor().execute("VACUUM ANALYZE tickets_ticket")
    with reading(target.database) as connection:
        pending = count_pending(connection, target, at_most_seconds=TOO_SHORT_SECONDS)
    assert pending.is_estimate
    assert pending.rows == pytest.approx(60_000, rel=0.05)


def test_nothing_pending_is_always_exact(tickets: Any, target: Target) -> None:
    leak(tickets, 1)
    tickets.cursor().execute(
        "UPDATE tickets_ticket SET token = gen_random_uuid(), token_rotated_at = now()"
    )
    with reading(target.database) as connection:
        pending = count_pending(connection, target, at_most_seconds=TOO_SHORT_SECONDS)
    assert (pending.rows, pending.is_estimate) == (0, False)


def test_a_look_behind_an_old_snapshot_may_take_longer_than_the_roles_statement_timeout(
    tickets: Any, target: Target, rotation: RotationFactory, other: Any
) -> None:
    """While that lives, the entries of all rotated rows stand at the head of the pending index."""
    leak(tickets, 300_000)
    tickets.cursor().execute("ALTER TABLE tickets_ticket SET (autovacuum_enabled = false)")
    other.cursor().execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT 1")
    tickets.cursor().execute("UPDATE tickets_ticket SET token = gen_random_uuid()," + ROTATED)
    tickets.cursor().execute(
        f'ALTER DATABASE "{tickets.info.dbname}" SET statement_timeout = {TOO_SHORT_MS}'
    )
    with reading(target.database) as connection:
        pending = count_pending(connection, target)
        with pytest.raises(psycopg2.errors.QueryCanceled):
            connection.value(sql.together(sql.AVOID_FULL_SCANS, sql.any_pending(target)))
    assert (pending.rows, pending.is_estimate) == (0, False)
    assert rotation().run().outcome is Outcome.COMPLETE

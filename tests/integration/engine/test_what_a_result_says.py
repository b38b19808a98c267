"""A result says what happened: its numbers are those of the events, its times the clock's."""

import time
from typing import Any

import pytest

from tests.support import driver
from tests.support.leaked import leak, pending
from tests.support.rotations import RotationFactory
from token_rotation.engine.result import Outcome
from token_rotation.events import BatchDone, Event, Remark, Retrying, Waiting
from token_rotation.pacing.pace import Pace
from token_rotation.stop import StopSignal


@pytest.mark.parametrize("workers", [1, 2])
def test_a_result_counts_what_was_told(
    tickets: Any, rotation: RotationFactory, workers: int
) -> None:
    leak(tickets, 100)
    done: list[BatchDone] = []
    started_at = time.monotonic()
    result = rotation(
        lambda event: done.append(event) if isinstance(event, BatchDone) else None,
        batch_rows=20,
        workers=workers,
    ).run()
    elapsed = time.monotonic() - started_at
    assert result.outcome is Outcome.COMPLETE
    assert result.rotated_rows == sum(event.rotated_rows for event in done) == 100
    assert result.batches == len(done) == 5
    assert dict(result.batch_seconds.cumulative())["+Inf"] == 5
    assert (result.retries, result.skipped_rows, result.blockers) == (0, 0, ())
    assert 0 < result.seconds <= elapsed
    assert all(0 <= event.seconds <= elapsed for event in done)
    assert result.batch_seconds.sum_seconds == pytest.approx(sum(e.seconds for e in done))
    assert all(event.skipped_rows == 0 and event.next_batch_rows == 20 for event in done)
    assert "row locks" not in result.waited_seconds


def test_waits_are_counted_by_their_kind(tickets: Any, rotation: RotationFactory) -> None:
    leak(tickets, 4)
    started_at = time.monotonic()
    result = rotation(batch_rows=2, pause_seconds=0.2).run()
    elapsed = time.monotonic() - started_at
    assert result.outcome is Outcome.COMPLETE
    assert 0.2 <= result.waited_seconds["pace"] <= elapsed
    assert set(result.waited_seconds) <= {"pace", "traffic"}


def test_a_wait_for_a_lock_is_counted_and_its_holder_named(
    tickets: Any, other: Any, rotation: RotationFactory
) -> None:
    leak(tickets, 4)
    other.cursor().execute("SELECT FROM tickets_ticket WHERE id = 2 FOR UPDATE")
    started_at = time.monotonic()
    result = rotation(wait_for_locks_seconds=0.3).run()
    elapsed = time.monotonic() - started_at
    assert (result.outcome, result.rotated_rows, result.skipped_rows) == (
        Outcome.ROWS_LOCKED,
        3,
        1,
    )
    assert 0.3 <= result.waited_seconds["row locks"] <= elapsed
    assert [blocker.pid for blocker in result.blockers] == [other.info.backend_pid]
    other.rollback()


def test_a_retry_is_counted_in_the_result(tickets: Any, rotation: RotationFactory) -> None:
    leak(tickets, 100)
    told: list[Event] = []

    def kill_once(event: Event) -> None:
        told.append(event)
        if isinstance(event, BatchDone) and not any(isinstance(e, Retrying) for e in told):
            tickets.cursor().execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND application_name = 'rotate_tokens'"
                " AND pid <> pg_backend_pid()"
            )

    result = rotation(kill_once, batch_rows=10).run()
    retries = [event for event in told if isinstance(event, Retrying)]
    assert (result.outcome, result.rotated_rows) == (Outcome.COMPLETE, 100)
    assert result.retries == len(retries) >= 1


@pytest.mark.parametrize("limit_rows", [1, 15, 20, 99, 100, 101])
def test_a_limit_is_the_number_of_rows_that_change(
    tickets: Any, rotation: RotationFactory, limit_rows: int
) -> None:
    leak(tickets, 100)
    result = rotation(batch_rows=10, limit_rows=limit_rows).run()
    rotated = min(100, limit_rows)
    assert (result.rotated_rows, pending(tickets)) == (rotated, 100 - rotated)
    ended = Outcome.COMPLETE if limit_rows > 100 else Outcome.LIMIT_REACHED
    assert result.outcome is ended


def test_a_pace_that_is_changed_is_told(tickets: Any, rotation: RotationFactory) -> None:
    leak(tickets, 30)
    told: list[str] = []
    running = rotation(
        lambda event: told.append(event.text) if isinstance(event, Remark) else None, batch_rows=10
    )
    running.change_pace(Pace(max_rows_per_second=1000))
    assert running.run().rotated_rows == 30
    assert told == [f"The pace was changed: {Pace(max_rows_per_second=1000)}."]


def test_an_end_that_is_asked_for_before_the_beginning_changes_nothing(
    tickets: Any, rotation: RotationFactory
) -> None:
    leak(tickets, 10)
    stop = StopSignal()
    stop.request()
    result = rotation(stop=stop).run()
    assert (result.outcome, result.rotated_rows, pending(tickets)) == (Outcome.STOPPED, 0, 10)


def test_connections_are_closed_at_the_end(
    tickets: Any, rotation: RotationFactory, database_url: str
) -> None:
    leak(tickets, 10)
    rotation(workers=2, batch_rows=2).run()
    with driver.connect(database_url) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND application_name LIKE 'rotate%%'"
        )
        assert cursor.fetchone() == (0,)
    connection.close()


def test_trouble_is_told_as_a_wait_and_a_pause_is_not(
    tickets: Any, rotation: RotationFactory
) -> None:
    leak(tickets, 4)
    waits: list[str] = []
    rotation(
        lambda event: waits.append(event.reason) if isinstance(event, Waiting) else None,
        batch_rows=2,
        pause_seconds=0.1,
    ).run()
    assert waits == []

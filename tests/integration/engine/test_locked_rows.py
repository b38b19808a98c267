"""Rows that others hold are passed over, come later, and are never waited for without bound."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Event as Flag
from typing import Any

import pytest

from tests.support import driver
from tests.support.batches import range_update
from tests.support.leaked import assert_each_token_changed_once, leak, pending, value
from tests.support.rotations import RotationFactory
from tests.support.waiting import until
from token_rotation.engine.batches.first_row import Fate
from token_rotation.engine.result import Outcome
from token_rotation.errors import UnyieldingRowsError
from token_rotation.events import BatchDone, Event, Waiting
from token_rotation.postgres.reading import reading
from token_rotation.selection.key_range import EVERY_KEY
from token_rotation.selection.target import Target
from token_rotation.tokens.random_uuids import random_uuids
from token_rotation.tokens.sources import PythonTokens


def test_locked_rows_are_skipped_and_rotated_once_they_are_free(
    tickets: Any, other: Any, rotation: RotationFactory
) -> None:
    leak(tickets, 100)
    other.cursor().execute("UPDATE tickets_ticket SET subject = 'kept' WHERE id IN (3, 77)")
    skipped = []

    def end_the_transaction_when_it_is_waited_for(event: Event) -> None:
        if isinstance(event, BatchDone):
            skipped.append(event.skipped_rows)
        if isinstance(event, Waiting):
            other.commit()

    result = rotation(end_the_transaction_when_it_is_waited_for, batch_rows=50).run()
    assert (result.outcome, result.rotated_rows) == (Outcome.COMPLETE, 100)
    assert skipped[:2] == [1, 1]
    kept = "SELECT count(*) FROM tickets_ticket WHERE subject = 'kept'"
    assert value(tickets, kept) == 2
    assert_each_token_changed_once(tickets)


def test_rows_that_stay_locked_end_the_run_with_their_holders_named(
    tickets: Any, other: Any, rotation: RotationFactory
) -> None:
    leak(tickets, 100)
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        pid = cursor.fetchone()[0]
        cursor.execute("SELECT FROM tickets_ticket WHERE id <= 5 FOR UPDATE")
    reasons = []
    result = rotation(
        lambda event: reasons.append(event.reason) if isinstance(event, Waiting) else None,
        wait_for_locks_seconds=0.5,
    ).run()
    assert (result.outcome, result.rotated_rows) == (Outcome.ROWS_LOCKED, 95)
    assert result.skipped_rows == 5
    assert [blocker.pid for blocker in result.blockers] == [pid]
    assert result.blockers[0].state == "idle in transaction"
    assert any(f"pid {pid} (idle in transaction" in reason for reason in reasons)
    assert pending(tickets) == 5


def test_a_locked_row_among_rows_that_a_trigger_undoes_does_not_keep_the_run_going_for_ever(
    tickets: Any, other: Any, rotation: RotationFactory
) -> None:
    leak(tickets, 10)
    tickets.cursor().execute(
        """
        CREATE FUNCTION undo() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN NEW.token_rotated_at := NULL; RETURN NEW; END $$;
        CREATE TRIGGER zz_undo BEFORE UPDATE ON tickets_ticket FOR EACH ROW
        WHEN (OLD.id = 2) EXECUTE FUNCTION undo();
        """
    )
    other.cursor().execute("SELECT FROM tickets_ticket WHERE id = 1 FOR UPDATE")
    result = rotation(wait_for_locks_seconds=0.5).run()
    assert result.outcome is Outcome.ROWS_LOCKED
    assert pending(tickets) == 2


def test_a_row_that_stays_locked_is_not_waited_for_anew_because_others_became_pending(
    tickets: Any, other: Any, rotation: RotationFactory
) -> None:
    leak(tickets, 10)
    other.cursor().execute("SELECT FROM tickets_ticket WHERE id = 1 FOR UPDATE")
    asked: list[int] = []

    def ask_again(event: Event) -> None:
        if isinstance(event, BatchDone) and len(asked) < 5:
            asked.append(event.skipped_rows)
            tickets.cursor().execute(
                "UPDATE tickets_ticket SET token_rotated_at = NULL WHERE id = 5"
            )

    result = rotation(ask_again, wait_for_locks_seconds=0).run()
    assert (result.outcome, asked) == (Outcome.ROWS_LOCKED, [1, 1])
    assert result.rotated_rows == 10


def test_what_undoes_a_change_only_for_a_while_does_not_end_the_run(
    tickets: Any, rotation: RotationFactory
) -> None:
    leak(tickets, 10)
    tickets.cursor().execute(
        """
        CREATE SEQUENCE undone;
        CREATE FUNCTION undo() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF nextval('undone') <= 3 THEN NEW.token_rotated_at := NULL; END IF; RETURN NEW;
        END $$;
        CREATE TRIGGER zz_undo BEFORE UPDATE ON tickets_ticket FOR EACH ROW
        WHEN (OLD.id = 2) EXECUTE FUNCTION undo();
        """
    )
    assert rotation().run().outcome is Outcome.COMPLETE
    assert value(tickets, "SELECT last_value FROM undone") == 4
    assert pending(tickets) == 0


def test_who_has_let_go_of_a_row_is_not_named_for_another_that_nobody_holds(
    tickets: Any, other: Any, rotation: RotationFactory
) -> None:
    leak(tickets, 100)
    tickets.cursor().execute(
        """
        CREATE FUNCTION suppress() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
        CREATE TRIGGER suppress BEFORE UPDATE ON tickets_ticket FOR EACH ROW
        WHEN (OLD.id = 90) EXECUTE FUNCTION suppress();
        """
    )
    other.cursor().execute("SELECT FROM tickets_ticket WHERE id = 50 FOR UPDATE")

    def let_go(event: Event) -> None:
        if isinstance(event, Waiting):
            other.rollback()

    engine = rotation(let_go, limit_rows=500, vacuum_every_percent=0)
    with pytest.raises(UnyieldingRowsError, match="nobody holds them"):
        engine.run()
    assert engine.result.rotated_rows == 99


def test_rows_are_waited_for_longer_than_the_roles_statement_timeout(
    tickets: Any, other: Any, rotation: RotationFactory
) -> None:
    leak(tickets, 10)
    name = value(tickets, "SELECT current_database()")
    other.cursor().execute("SELECT FROM tickets_ticket WHERE id = 4 FOR UPDATE")
    tickets.cursor().execute(f'ALTER DATABASE "{name}" SET statement_timeout = 900')
    result = rotation(wait_for_locks_seconds=2, retry_seconds=1).run()
    assert (result.outcome, result.retries) == (Outcome.ROWS_LOCKED, 0)
    assert [blocker.pid for blocker in result.blockers] == [other.info.backend_pid]


OTHERS_QUEUE = (
    "SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
    "AND datname = current_database() AND query LIKE '%queues%'"
)


def write_row_7(database_url: str, ended: Flag) -> None:
    """Again and again: some work, and let go of it only when another one queues for it."""
    writer, onlooker = driver.connect(database_url), driver.connect(database_url)
    onlooker.autocommit = True
    while not ended.is_set():
        writer.cursor().execute("UPDATE tickets_ticket SET subject = 'queues' WHERE id = 7")
        writer.cursor().execute("SELECT pg_sleep(0.02)")
        until(lambda: ended.is_set() or value(onlooker, OTHERS_QUEUE))
        writer.commit()
    writer.close()
    onlooker.close()


@pytest.mark.parametrize(
    "make_target",
    [
        lambda target: target,
        lambda target: replace(target, token_source=PythonTokens(random_uuids)),
    ],
    ids=["tokens from SQL", "tokens from Python"],
)
def test_a_row_that_is_free_at_no_moment_since_others_queue_for_it_is_rotated(
    tickets: Any,
    database_url: str,
    rotation: RotationFactory,
    target: Target,
    make_target: Callable[[Target], Target],
) -> None:
    leak(tickets, 10)
    ended, skipped = Flag(), []

    def note(event: Event) -> None:
        if isinstance(event, BatchDone):
            skipped.append(event.skipped_rows)

    with ThreadPoolExecutor(max_workers=3) as pool:
        writers = [pool.submit(write_row_7, database_url, ended) for _ in range(3)]
        until(lambda: value(tickets, OTHERS_QUEUE))
        try:
            result = rotation(note, target=make_target(target), lock_timeout_ms=1).run()
        finally:
            ended.set()
    for writer in writers:
        writer.result()
    assert (result.outcome, result.rotated_rows) == (Outcome.COMPLETE, 10)
    assert sum(skipped) <= 2, "it was had once, and let go of"
    assert_each_token_changed_once(tickets)


def test_a_limit_holds_for_a_row_that_was_waited_for_too(
    tickets: Any, other: Any, rotation: RotationFactory
) -> None:
    leak(tickets, 10)
    other.cursor().execute("SELECT FROM tickets_ticket WHERE id <= 3 FOR UPDATE")

    def end_the_transaction_when_it_is_waited_for(event: Event) -> None:
        if isinstance(event, Waiting):
            other.commit()

    result = rotation(end_the_transaction_when_it_is_waited_for, limit_rows=8).run()
    assert (result.outcome, result.rotated_rows) == (Outcome.LIMIT_REACHED, 8)
    assert pending(tickets) == 2


def test_a_row_that_only_a_foreign_key_check_holds_is_skipped_too(
    tickets: Any, other: Any, rotation: RotationFactory
) -> None:
    leak(tickets, 10)
    other.cursor().execute("SELECT FROM tickets_ticket WHERE id = 4 FOR KEY SHARE")
    result = rotation(wait_for_locks_seconds=0).run()
    assert (result.outcome, result.rotated_rows, result.skipped_rows) == (Outcome.ROWS_LOCKED, 9, 1)


def test_a_limited_run_skips_locked_rows_and_takes_others(
    tickets: Any, other: Any, rotation: RotationFactory
) -> None:
    leak(tickets, 100)
    other.cursor().execute("SELECT FROM tickets_ticket WHERE id <= 10 FOR UPDATE")
    result = rotation(batch_rows=20, limit_rows=30).run()
    assert (result.outcome, result.rotated_rows) == (Outcome.LIMIT_REACHED, 30)
    assert (
        value(tickets, "SELECT min(id) FROM tickets_ticket WHERE token_rotated_at > '-infinity'")
        == 11
    )


def test_a_rotation_beside_another_shares_the_work(tickets: Any, rotation: RotationFactory) -> None:
    leak(tickets, 400)
    inner_rows = []

    def rotate_the_rest(event: Event) -> None:
        if isinstance(event, BatchDone) and not inner_rows:
            inner_rows.append(rotation(batch_rows=50).run().rotated_rows)

    outer = rotation(rotate_the_rest, batch_rows=100).run()
    assert (outer.rotated_rows, inner_rows) == (100, [300])
    assert_each_token_changed_once(tickets)


def test_a_row_asked_for_again_by_a_transaction_that_was_open_all_along_is_rotated(
    tickets: Any, other: Any, rotation: RotationFactory
) -> None:
    leak(tickets, 100)
    rotation(limit_rows=50).run()
    other.cursor().execute("UPDATE tickets_ticket SET token_rotated_at = NULL WHERE id = 1")

    def commit_late(event: Event) -> None:
        other.commit()

    result = rotation(commit_late, batch_rows=10).run()
    assert (result.outcome, result.rotated_rows) == (Outcome.COMPLETE, 51)
    assert pending(tickets) == 0


def test_to_wait_for_no_time_is_not_to_wait_without_bound(
    tickets: Any, other: Any, target: Target
) -> None:
    leak(tickets, 1)
    other.cursor().execute("SELECT FROM tickets_ticket FOR UPDATE")
    with reading(target.database) as connection:
        update = range_update(connection, target)
        with update.first_row(EVERY_KEY, 0.0, time.monotonic) as row:
            row.rotate()
    assert row.fate is Fate.LOCKED_BY_OTHERS
    assert update.committed_rows == 0

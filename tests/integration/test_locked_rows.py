"""Rows that others hold are passed over, come later, and are never waited for without bound."""

from typing import Any

from tests.leaked import assert_each_token_changed_once, leak, pending, value
from tests.rotations import RotationFactory
from tickets.rotation.events import BatchDone, Event, Waiting
from tickets.rotation.result import Outcome


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

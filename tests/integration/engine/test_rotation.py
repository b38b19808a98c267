"""The engine rotates every pending row once, whatever the keys look like."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.support.leaked import assert_each_token_changed_once, leak, pending, value
from tests.support.rotations import RotationFactory
from token_rotation.engine.batches.batch import BatchRunner
from token_rotation.engine.batches.batch_outcome import BatchOutcome
from token_rotation.engine.result import Outcome
from token_rotation.errors import StatementError, UnyieldingRowsError
from token_rotation.events import BatchDone, Event
from token_rotation.selection.target import Target
from token_rotation.stop import StopSignal
from token_rotation.tokens.sources import SqlTokens


def test_every_pending_token_is_rotated_exactly_once(
    tickets: Any, rotation: RotationFactory
) -> None:
    leak(tickets, 1000)
    result = rotation(batch_rows=70).run()
    assert (result.outcome, result.rotated_rows) == (Outcome.COMPLETE, 1000)
    assert_each_token_changed_once(tickets)


def test_sparse_and_negative_keys_are_all_found(tickets: Any, rotation: RotationFactory) -> None:
    leak(tickets, 500, first=-(10**15), step=7 * 10**12)
    result = rotation(batch_rows=33).run()
    assert (result.rotated_rows, result.batches) == (500, 16)
    assert_each_token_changed_once(tickets)


def test_rotated_rows_are_never_rotated_again(tickets: Any, rotation: RotationFactory) -> None:
    leak(tickets, 300)
    rotation(batch_rows=100, limit_rows=200).run()
    rotated = "SELECT array_agg(token ORDER BY id) FROM tickets_ticket WHERE id <= 200"
    before = value(tickets, rotated)
    rotation(batch_rows=100).run()
    assert value(tickets, rotated) == before
    assert_each_token_changed_once(tickets)


def test_a_run_with_nothing_pending_writes_nothing(tickets: Any, rotation: RotationFactory) -> None:
    leak(tickets, 10)
    rotation().run()
    versions = "SELECT array_agg(xmin::text ORDER BY id) FROM tickets_ticket"
    before = value(tickets, versions)
    assert rotation().run().rotated_rows == 0
    assert value(tickets, versions) == before


def test_the_limit_is_never_exceeded(tickets: Any, rotation: RotationFactory) -> None:
    leak(tickets, 100)
    result = rotation(batch_rows=30, limit_rows=50).run()
    assert (result.outcome, result.rotated_rows) == (Outcome.LIMIT_REACHED, 50)
    assert pending(tickets) == 50


def test_rows_that_become_pending_behind_the_cursor_are_rotated_in_the_same_run(
    tickets: Any, rotation: RotationFactory
) -> None:
    leak(tickets, 200)
    asked_again = []

    def ask_again(event: Event) -> None:
        if isinstance(event, BatchDone) and not asked_again:
            tickets.cursor().execute(
                "UPDATE tickets_ticket SET token_rotated_at = NULL WHERE id <= 5"
            )
            asked_again.append(event)

    result = rotation(ask_again, batch_rows=50).run()
    assert (result.outcome, result.rotated_rows) == (Outcome.COMPLETE, 205)
    assert pending(tickets) == 0


def test_a_request_to_stop_lets_the_running_batch_commit(
    tickets: Any, rotation: RotationFactory
) -> None:
    leak(tickets, 100)
    stop = StopSignal()
    result = rotation(lambda _: stop.request(), stop, batch_rows=40).run()
    assert (result.outcome, result.rotated_rows) == (Outcome.STOPPED, 40)
    assert pending(tickets) == 60


def test_rows_that_another_trigger_keeps_pending_end_the_run_with_an_error(
    tickets: Any, rotation: RotationFactory
) -> None:
    leak(tickets, 100)
    tickets.cursor().execute(
        """
        CREATE FUNCTION undo() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN NEW.token_rotated_at := NULL; RETURN NEW; END $$;
        CREATE TRIGGER zz_undo BEFORE UPDATE ON tickets_ticket FOR EACH ROW
        WHEN (OLD.id = 20) EXECUTE FUNCTION undo();
        """
    )
    with pytest.raises(UnyieldingRowsError, match="stay pending"):
        rotation(batch_rows=10).run()
    assert pending(tickets) == 1


@pytest.mark.parametrize("options", [{"limit_rows": 50}, {"wait_for_locks_seconds": 30}])
@pytest.mark.parametrize(
    "body",
    ["NEW.token_rotated_at := NULL; RETURN NEW;", "RETURN NULL;"],
    ids=["undone", "suppressed"],
)
def test_a_change_that_never_holds_is_not_taken_for_progress(
    tickets: Any, rotation: RotationFactory, body: str, options: dict[str, Any]
) -> None:
    leak(tickets, 100)
    tickets.cursor().execute(
        f"""
        CREATE FUNCTION undo() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$;
        CREATE TRIGGER zz_undo BEFORE UPDATE ON tickets_ticket FOR EACH ROW EXECUTE FUNCTION undo();
        """
    )
    engine = rotation(**options)
    with pytest.raises(UnyieldingRowsError, match="nobody holds them"):
        engine.run()
    assert engine.result.rotated_rows == 0
    assert pending(tickets) == 100


@pytest.mark.parametrize("options", [{}, {"limit_rows": 50}])
def test_row_security_of_any_kind_is_refused_with_policy_and_role_named(
    tickets: Any,
    rotation: RotationFactory,
    limit_connections: Callable[[int], None],
    options: dict[str, Any],
) -> None:
    leak(tickets, 40)
    limit_connections(5)  # as a role that is not the owner
    tickets.cursor().execute(
        """
        CREATE POLICY reading ON tickets_ticket FOR SELECT USING (true);
        CREATE POLICY writing ON tickets_ticket FOR UPDATE USING (id <> 20);
        ALTER TABLE tickets_ticket ENABLE ROW LEVEL SECURITY;
        """
    )
    with pytest.raises(StatementError, match=r"the role limited_\d+ \(policy reading, writing\)"):
        rotation(batch_rows=10, **options).run()
    assert pending(tickets) == 40


def test_a_change_that_a_deferred_trigger_undoes_is_not_taken_for_progress(
    tickets: Any, rotation: RotationFactory
) -> None:
    leak(tickets, 40)
    tickets.cursor().execute(
        """
        CREATE FUNCTION undo() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            UPDATE tickets_ticket SET token_rotated_at = NULL WHERE id = NEW.id; RETURN NULL;
        END $$;
        CREATE CONSTRAINT TRIGGER zz_undo AFTER UPDATE ON tickets_ticket
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
        WHEN (NEW.id = 20 AND NEW.token_rotated_at IS NOT NULL) EXECUTE FUNCTION undo();
        """
    )
    with pytest.raises(UnyieldingRowsError, match="nobody holds them"):
        rotation(batch_rows=10).run()
    assert pending(tickets) == 1


@pytest.mark.parametrize("options", [{}, {"limit_rows": 5_000}])
def test_rows_asked_for_again_while_they_are_rotated_are_not_taken_for_rows_that_resist(
    tickets: Any,
    rotation: RotationFactory,
    monkeypatch: pytest.MonkeyPatch,
    options: dict[str, Any],
) -> None:
    """Between a commit and the look at it an application asks for as many rows as were rotated."""
    leak(tickets, 100)
    rotate = BatchRunner.rotate
    asked = 0

    def rotate_and_be_asked(runner: BatchRunner, *words: Any) -> BatchOutcome:
        nonlocal asked
        outcome = rotate(runner, *words)
        if asked < 10:
            asked += 1
            tickets.cursor().execute("UPDATE tickets_ticket SET token_rotated_at = NULL")
        return outcome

    monkeypatch.setattr(BatchRunner, "rotate", rotate_and_be_asked)
    assert rotation(batch_rows=10, **options).run().outcome is Outcome.COMPLETE
    assert asked == 10
    assert pending(tickets) == 0


def test_a_duplicate_token_isolates_its_row_and_tries_it_again(
    tickets: Any, rotation: RotationFactory, target: Target
) -> None:
    leak(tickets, 64)
    tickets.cursor().execute("CREATE SEQUENCE tries")
    colliding = (
        "(CASE WHEN id = 37 AND nextval('tries') < 10 "
        "THEN (SELECT token FROM leaked WHERE leaked.id = 64) ELSE gen_random_uuid() END)"
    )
    result = rotation(
        target=replace(target, token_source=SqlTokens(colliding)), batch_rows=64
    ).run()
    assert (result.outcome, result.rotated_rows) == (Outcome.COMPLETE, 64)
    assert value(tickets, "SELECT nextval('tries')") == 11
    assert_each_token_changed_once(tickets)


def test_a_batch_size_that_was_asked_for_is_kept_whatever_the_budget(
    tickets: Any, rotation: RotationFactory
) -> None:
    leak(tickets, 1000)
    assert rotation(batch_rows=500, traffic_budget_ms=0.001).run().batches == 2


@pytest.mark.parametrize("budget_ms", [0, 5])
def test_one_connection_is_enough_for_a_rotation(
    tickets: Any,
    rotation: RotationFactory,
    limit_connections: Callable[[int], None],
    budget_ms: float,
) -> None:
    leak(tickets, 500)
    limit_connections(1)
    result = rotation(vacuum_every_percent=0, traffic_budget_ms=budget_ms).run()
    assert (result.outcome, result.retries, result.rotated_rows) == (Outcome.COMPLETE, 0, 500)
    assert_each_token_changed_once(tickets)


def test_without_a_second_connection_it_waits_for_a_row_and_only_cannot_say_who_holds_it(
    tickets: Any, rotation: RotationFactory, other: Any, limit_connections: Callable[[int], None]
) -> None:
    leak(tickets, 500)
    limit_connections(1)
    other.cursor().execute("SELECT FROM tickets_ticket WHERE id = 500 FOR UPDATE")
    result = rotation(vacuum_every_percent=0, wait_for_locks_seconds=0.5).run()
    assert (result.outcome, result.retries, result.blockers) == (Outcome.ROWS_LOCKED, 0, ())
    assert result.rotated_rows == 499

"""Every fault is retried for a bounded time or ends the run; none is taken for progress."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from tests.support.held_table import LOOK_UNTIL_SOMEBODY_WAITS, until_a_statement_waits
from tests.support.leaked import assert_each_token_changed_once, leak, pending, value
from tests.support.poison import ALLOW_UPDATES, REFUSE_UPDATES
from tests.support.rotations import RotationFactory
from tests.support.waiting import until
from token_rotation.engine.result import Outcome
from token_rotation.errors import AbortedError, DatabaseGoneError, StatementError
from token_rotation.events import BatchDone, Event, Retrying
from token_rotation.selection.target import Target
from token_rotation.stop import StopSignal
from token_rotation.tokens.sources import SqlTokens

FAIL_TWICE = """
CREATE SEQUENCE failures;
CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF nextval('failures') <= 2 THEN
        RAISE EXCEPTION 'made for a test' USING ERRCODE = '{sqlstate}';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER fail BEFORE UPDATE ON tickets_ticket FOR EACH ROW
WHEN (OLD.id = 50) EXECUTE FUNCTION fail();
"""


@pytest.mark.parametrize(
    ("sqlstate", "retried"),
    # After a statement that was cancelled, the range is first tried without waiting for anybody.
    [
        *(("40P01", 2), ("40001", 2), ("57014", 1), ("57P03", 2), ("08006", 2)),
        *(("53000", 2), ("53100", 2), ("53200", 2), ("53300", 2)),
    ],
)
def test_a_passing_fault_is_retried_and_nothing_is_lost(
    tickets: Any, rotation: RotationFactory, sqlstate: str, retried: int
) -> None:
    leak(tickets, 100)
    tickets.cursor().execute(FAIL_TWICE.format(sqlstate=sqlstate))
    retries: list[Retrying] = []
    result = rotation(
        lambda event: retries.append(event) if isinstance(event, Retrying) else None, batch_rows=40
    ).run()
    assert (result.outcome, result.rotated_rows, result.retries) == (
        Outcome.COMPLETE,
        100,
        retried,
    )
    assert [sqlstate in retry.reason for retry in retries] == [True] * retried
    assert_each_token_changed_once(tickets)


REPEATABLE_READ = """
DO $$ BEGIN
    EXECUTE format(
        'ALTER DATABASE %I SET default_transaction_isolation = ''repeatable read''',
        current_database()
    );
END $$;
"""

ASLEEP = (
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE wait_event = 'PgSleep' AND datname = current_database()"
)


def test_a_real_serialization_failure_is_retried_and_nothing_is_lost(
    tickets: Any, database_url: str, connect: Callable[[str], Any], rotation: RotationFactory
) -> None:
    leak(tickets, 100)
    tickets.cursor().execute(REPEATABLE_READ)
    traffic = connect(database_url)
    traffic.autocommit = False
    traffic.cursor().execute("UPDATE tickets_ticket SET subject = 'written' WHERE id = 50")

    def commit_while_it_is_waited_for() -> None:
        until_a_statement_waits(tickets, "SET LOCAL%UPDATE")
        traffic.commit()

    committer = threading.Thread(target=commit_while_it_is_waited_for)
    committer.start()
    retries: list[Retrying] = []
    result = rotation(
        lambda event: retries.append(event) if isinstance(event, Retrying) else None,
        lock_timeout_ms=60_000,
    ).run()
    committer.join()
    assert ["40001" in retry.reason for retry in retries] == [True]
    assert (result.outcome, result.rotated_rows) == (Outcome.COMPLETE, 100)
    assert value(tickets, "SELECT subject FROM tickets_ticket WHERE id = 50") == "written"
    assert_each_token_changed_once(tickets)


def test_a_killed_connection_is_opened_again(tickets: Any, rotation: RotationFactory) -> None:
    leak(tickets, 100)
    kill = (
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    killed = []

    def kill_after_the_first_batch(event: Event) -> None:
        if isinstance(event, BatchDone) and not killed:
            killed.append(value(tickets, kill))

    result = rotation(kill_after_the_first_batch, batch_rows=30).run()
    assert killed[0] >= 1  # the connections that only look may be open, too
    assert result.outcome is Outcome.COMPLETE
    assert result.retries >= 1
    assert_each_token_changed_once(tickets)


def test_a_batch_too_large_for_the_statement_timeout_is_done_in_smaller_ones(
    tickets: Any, rotation: RotationFactory
) -> None:
    leak(tickets, 100)
    tickets.cursor().execute(
        """
        CREATE FUNCTION be_slow() RETURNS trigger LANGUAGE plpgsql AS
        $$ DECLARE rows int := coalesce(nullif(current_setting('test.rows', true), ''), '0')::int;
        BEGIN
            PERFORM set_config('test.rows', (rows + 1)::text, true);  -- of this transaction
            IF rows = 50 THEN PERFORM pg_sleep(600); END IF;
            RETURN NEW;
        END $$;
        CREATE TRIGGER slow BEFORE UPDATE ON tickets_ticket FOR EACH ROW EXECUTE FUNCTION be_slow();
        DO $$ BEGIN
            EXECUTE format('ALTER DATABASE %I SET statement_timeout = 400', current_database());
        END $$;
        """
    )
    result = rotation(batch_rows=100).run()
    assert (result.outcome, result.rotated_rows, result.retries) == (Outcome.COMPLETE, 100, 1)
    assert_each_token_changed_once(tickets)


def test_a_fault_that_lasts_ends_the_run_after_the_bounded_time(
    tickets: Any, rotation: RotationFactory
) -> None:
    leak(tickets, 100)
    always = FAIL_TWICE.format(sqlstate="40P01").replace("<= 2", "> 0")
    tickets.cursor().execute(always.replace("WHEN (OLD.id = 50)", "WHEN (OLD.id > 40)"))
    result = rotation(batch_rows=20, retry_seconds=0.3).run()
    assert (result.outcome, result.rotated_rows) == (Outcome.ROWS_REFUSED, 40)
    assert "40P01" in result.unfinished
    assert pending(tickets) == 60


def test_a_table_locked_by_others_is_waited_for_with_bound(
    tickets: Any, database_url: str, connect: Callable[[str], Any], rotation: RotationFactory
) -> None:
    leak(tickets, 10)
    other = connect(database_url)
    other.autocommit = False
    other.cursor().execute("LOCK TABLE tickets_ticket IN ACCESS EXCLUSIVE MODE")
    with pytest.raises(DatabaseGoneError, match="55P03"):
        rotation(retry_seconds=0.3, vacuum_every_percent=0).run()
    other.rollback()
    assert rotation().run().rotated_rows == 10


def test_any_other_error_ends_the_run_and_keeps_what_was_done(
    tickets: Any, rotation: RotationFactory
) -> None:
    leak(tickets, 100)

    def refuse(event: Event) -> None:
        if isinstance(event, BatchDone) and event.keys.upper == 40:
            tickets.cursor().execute(REFUSE_UPDATES)

    with pytest.raises(StatementError, match="55000"):
        rotation(refuse, batch_rows=20).run()
    assert pending(tickets) == 60
    tickets.cursor().execute(ALLOW_UPDATES)
    rotation().run()
    assert_each_token_changed_once(tickets)


def test_an_error_that_quotes_a_token_is_passed_on_without_it(
    tickets: Any, rotation: RotationFactory, target: Target
) -> None:
    leak(tickets, 10)
    secret = value(tickets, "SELECT token::text FROM leaked WHERE id = 5")
    quoting = f"(token::text || '-not-a-uuid-{secret}')::uuid"
    told: list[Event] = []
    result = rotation(told.append, target=replace(target, token_source=SqlTokens(quoting))).run()
    assert (result.outcome, result.refused.rows) == (Outcome.ROWS_REFUSED, 10)
    assert "22P02" in result.refused.as_sentence()
    assert secret[:8] not in f"{result} {told}"


@pytest.mark.parametrize(
    "code", ["InsufficientPrivilege (42501)", "ReadOnlySqlTransaction (25006)"]
)
def test_a_message_that_the_sites_own_trigger_raised_is_not_passed_on(
    tickets: Any, rotation: RotationFactory, code: str
) -> None:
    leak(tickets, 10)
    tickets.cursor().execute(
        f"""
        CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'ticket % is frozen', OLD.token USING ERRCODE = '{code[-6:-1]}';
        END $$;
        CREATE TRIGGER tell BEFORE UPDATE ON tickets_ticket FOR EACH ROW EXECUTE FUNCTION tell();
        """
    )
    told: list[Event] = []
    result = rotation(told.append).run()
    assert f"{code}: function tell line 3" in result.refused.as_sentence()
    assert "frozen" not in f"{result} {told}"


def test_a_limited_run_gives_a_row_another_token_too_when_one_is_taken(
    tickets: Any, rotation: RotationFactory, target: Target
) -> None:
    leak(tickets, 20)
    tickets.cursor().execute("CREATE SEQUENCE tries")
    colliding = (
        "(CASE WHEN id = 5 AND nextval('tries') < 4 "
        "THEN (SELECT token FROM leaked WHERE leaked.id = 20) ELSE gen_random_uuid() END)"
    )
    result = rotation(target=replace(target, token_source=SqlTokens(colliding)), limit_rows=8).run()
    assert (result.outcome, result.rotated_rows) == (Outcome.LIMIT_REACHED, 8)
    assert pending(tickets) == 12


def test_a_token_that_always_collides_ends_the_run_without_naming_it(
    tickets: Any, rotation: RotationFactory, target: Target
) -> None:
    leak(tickets, 10)
    rotation(limit_rows=1).run()
    secret = value(tickets, "SELECT token::text FROM tickets_ticket WHERE id = 1")
    same_for_all = replace(target, token_source=SqlTokens(f"'{secret}'::uuid"))
    told: list[Event] = []
    result = rotation(told.append, target=same_for_all).run()
    assert (result.outcome, result.refused.rows) == (Outcome.ROWS_REFUSED, 9)
    assert "23505" in result.refused.as_sentence()
    assert secret[:8] not in f"{result} {told}"


def test_an_abort_rolls_the_batch_in_flight_back(
    tickets: Any, rotation: RotationFactory, target: Target
) -> None:
    leak(tickets, 10)
    stop = StopSignal()
    slow = replace(
        target, token_source=SqlTokens("(SELECT gen_random_uuid() FROM pg_sleep(60 + id * 0))")
    )
    with ThreadPoolExecutor() as pool:
        pool.submit(lambda: (until(lambda: value(tickets, ASLEEP) == 1), stop.abort()))
        with pytest.raises(AbortedError):
            rotation(stop=stop, target=slow).run()
    assert pending(tickets) == 10


WAIT_AFTER_EACH_UPDATE = f"""
CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
{LOOK_UNTIL_SOMEBODY_WAITS.format(condition="true")} RETURN NULL; END $$;
CREATE TRIGGER look AFTER UPDATE ON tickets_ticket FOR EACH STATEMENT EXECUTE FUNCTION look();
"""


def test_what_has_committed_counts_though_a_lock_comes_before_the_look_at_it(
    tickets: Any, other: Any, rotation: RotationFactory
) -> None:
    """A migration that waits for the batch has its lock as soon as the batch commits."""
    leak(tickets, 100)
    tickets.cursor().execute(WAIT_AFTER_EACH_UPDATE)
    retried = threading.Event()

    def migrate() -> None:
        until(lambda: value(tickets, ASLEEP))
        other.cursor().execute("LOCK TABLE tickets_ticket IN ACCESS EXCLUSIVE MODE")
        other.cursor().execute("DROP TRIGGER look ON tickets_ticket")
        assert retried.wait(timeout=60)
        other.commit()

    def note(event: Event) -> None:
        if isinstance(event, Retrying):
            retried.set()

    with ThreadPoolExecutor() as pool:
        migration = pool.submit(migrate)
        result = rotation(note, limit_rows=20, batch_rows=20, vacuum_every_percent=0).run()
        migration.result()
    assert (result.outcome, result.rotated_rows) == (Outcome.LIMIT_REACHED, 20)
    assert result.retries > 0
    assert pending(tickets) == 80

"""Several workers do what one does, and no row twice."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Any

import pytest
from django.db import connections

from tests.support.leaked import assert_each_token_changed_once, leak, pending, value
from tests.support.poison import ALLOW_UPDATES, REFUSE_UPDATES
from tests.support.rotations import RotationFactory
from tests.support.waiting import until
from token_rotation.engine import worker_pool
from token_rotation.engine.batches.refusals import Refusals
from token_rotation.engine.passes.allocator import InKeyOrder
from token_rotation.engine.passes.pass_outcome import PassOutcome
from token_rotation.engine.result import Outcome
from token_rotation.engine.rotation import Rotation
from token_rotation.engine.row_limit import RowLimit
from token_rotation.engine.worker import Worker
from token_rotation.errors import AbortedError, StatementError
from token_rotation.events import BatchDone, Event, Remark, Retrying, Waiting
from token_rotation.options import RotationOptions
from token_rotation.pacing.throttle import Throttle, Wait
from token_rotation.selection.target import Target
from token_rotation.stop import StopSignal

NOTE_BACKEND = """
CREATE TABLE backend (pid int);
CREATE FUNCTION note_backend() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN INSERT INTO backend VALUES (pg_backend_pid()); RETURN NULL; END $$;
CREATE TRIGGER note_backend AFTER UPDATE ON tickets_ticket FOR EACH STATEMENT
EXECUTE FUNCTION note_backend();
"""
ON_ROW = """
CREATE FUNCTION on_row() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body}; RETURN NEW; END $$;
CREATE TRIGGER on_row BEFORE UPDATE ON tickets_ticket FOR EACH ROW WHEN ({when})
EXECUTE FUNCTION on_row();
"""
ASLEEP = (
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE wait_event = 'PgSleep' AND datname = current_database()"
)


def test_several_workers_share_the_rows_and_each_token_changes_once(
    tickets: Any, rotation: RotationFactory
) -> None:
    leak(tickets, 3000, first=-5000, step=7)
    tickets.cursor().execute(NOTE_BACKEND)
    result = rotation(workers=4, batch_rows=10).run()
    assert (result.outcome, result.rotated_rows) == (Outcome.COMPLETE, 3000)
    assert value(tickets, "SELECT count(DISTINCT pid) FROM backend") == 4
    assert_each_token_changed_once(tickets)


def test_workers_that_the_server_does_not_serve_leave_the_rotation_to_the_others(
    tickets: Any, rotation: RotationFactory, limit_connections: Callable[[int], None]
) -> None:
    leak(tickets, 3000)
    limit_connections(2)
    said: list[str] = []

    def note(event: Event) -> None:
        if isinstance(event, Remark):
            said.append(event.text)

    slowly = {"max_rows_per_second": 1500, "batch_rows": 50, "retry_seconds": 0.5}
    result = rotation(note, workers=4, vacuum_every_percent=0, limit_rows=2990, **slowly).run()
    assert (result.outcome, result.rotated_rows) == (Outcome.LIMIT_REACHED, 2990)
    assert {text.split(":")[0] for text in said} == {
        f"Going on with {left} of 4 workers" for left in (3, 2)
    }
    assert len(said) == 2
    assert result.waited_seconds["pace"] <= result.seconds
    assert rotation(vacuum_every_percent=0).run().outcome is Outcome.COMPLETE
    assert_each_token_changed_once(tickets)


def set_connection_limit(tickets: Any, target: Target, most: int) -> None:
    role = connections[target.database].settings_dict["USER"]
    tickets.cursor().execute(f"ALTER ROLE {role} CONNECTION LIMIT {most}")


TERMINATE_FIRST = (
    "SELECT pg_terminate_backend(min(pid)) FROM pg_stat_activity"
    " WHERE usename = %s AND datname = current_database()"
)


def test_a_worker_that_has_left_comes_back_when_the_server_serves_it_again(
    tickets: Any,
    target: Target,
    rotation: RotationFactory,
    limit_connections: Callable[[int], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    leak(tickets, 20_000)
    limit_connections(2)
    monkeypatch.setattr(worker_pool, "LOOKS_BEFORE_COMING_BACK", 1)
    monkeypatch.setattr(worker_pool, "LOOK_EVERY_SECONDS", 0.05)
    stop = StopSignal()
    said: list[str] = []
    killed: list[bool] = []

    def note(event: Event) -> None:
        if isinstance(event, Remark):
            said.append(event.text.partition(":")[0])
            set_connection_limit(tickets, target, 2)
        elif isinstance(event, BatchDone) and not killed:
            killed.append(True)
            set_connection_limit(tickets, target, 1)
            role = connections[target.database].settings_dict["USER"]
            value(tickets, TERMINATE_FIRST, role)
        if len(said) == 2:
            stop.request()

    slowly = {"max_rows_per_second": 500, "batch_rows": 5, "retry_seconds": 0.2}
    result = rotation(note, stop, workers=2, vacuum_every_percent=0, **slowly).run()
    assert result.outcome is Outcome.STOPPED
    assert said == ["Going on with 1 of 2 workers", "Going on with 2 of 2 workers again"]
    assert rotation(vacuum_every_percent=0).run().outcome is Outcome.COMPLETE
    assert_each_token_changed_once(tickets)


def test_when_the_worker_that_waits_for_a_row_loses_its_connection_another_one_waits(
    tickets: Any,
    target: Target,
    other: Any,
    rotation: RotationFactory,
    limit_connections: Callable[[int], None],
) -> None:
    leak(tickets, 500)
    limit_connections(3)  # the third looks who holds the row
    other.cursor().execute("SELECT FROM tickets_ticket WHERE id = 50 FOR UPDATE")
    said: list[str] = []

    def note(event: Event) -> None:
        if isinstance(event, Remark):
            said.append(event.text.partition(":")[0])
            other.rollback()
        elif isinstance(event, Waiting) and not said:
            set_connection_limit(tickets, target, 1)
            worker = engine._workers[0].connection
            tickets.cursor().execute(
                "SELECT pg_terminate_backend(%s)", (worker._raw.info.backend_pid,)
            )

    engine = rotation(note, workers=2, batch_rows=50, vacuum_every_percent=0, retry_seconds=0.5)
    assert engine.run().outcome is Outcome.COMPLETE
    assert said == ["Going on with 1 of 2 workers"]
    assert_each_token_changed_once(tickets)


def test_the_limit_holds_for_all_workers_together(tickets: Any, rotation: RotationFactory) -> None:
    leak(tickets, 500)
    result = rotation(workers=4, batch_rows=30, limit_rows=100).run()
    assert (result.outcome, result.rotated_rows) == (Outcome.LIMIT_REACHED, 100)
    assert pending(tickets) == 400


def test_a_worker_that_loses_its_connection_tries_again_and_the_others_go_on(
    tickets: Any, rotation: RotationFactory
) -> None:
    leak(tickets, 2000)
    tickets.cursor().execute(NOTE_BACKEND)
    retries: list[Event] = []
    killed: list[int] = []

    def kill_one(event: Event) -> None:
        if isinstance(event, Retrying):
            retries.append(event)
        elif not killed:
            killed.append(value(tickets, "SELECT max(pid) FROM backend"))
            tickets.cursor().execute("SELECT pg_terminate_backend(%s)", killed)

    result = rotation(kill_one, workers=3, batch_rows=10).run()
    assert result.outcome is Outcome.COMPLETE
    assert len(retries) == result.retries == 1
    assert_each_token_changed_once(tickets)


def test_a_worker_that_cannot_go_on_ends_the_run_and_what_was_done_stays_done(
    tickets: Any, rotation: RotationFactory
) -> None:
    leak(tickets, 1000)

    def refuse(event: Event) -> None:
        if isinstance(event, BatchDone) and event.keys.upper == 500:
            tickets.cursor().execute(REFUSE_UPDATES)

    engine = rotation(refuse, workers=3, batch_rows=10)
    with pytest.raises(StatementError, match="55000"):
        engine.run()
    assert 0 < engine.result.rotated_rows == 1000 - pending(tickets)
    tickets.cursor().execute(ALLOW_UPDATES)
    rotation(workers=3, batch_rows=10).run()
    assert_each_token_changed_once(tickets)


def test_a_worker_that_waits_does_not_keep_the_error_of_another_back(target: Target) -> None:
    allocator = InKeyOrder(time.monotonic)

    class Closed(Throttle):
        def next_wait(self, source: Any = None, worker: int = 0) -> Wait:
            allocator.close()  # as the other one's error does
            return Wait(0.01, "replica lag", "replica lag 20.0 s")

    worker = Worker(
        target,
        RotationOptions(),
        throttle=Closed(clock=time.monotonic),
        row_limit=RowLimit(None),
        observe=lambda _: None,
        stop=StopSignal(),
        clock=time.monotonic,
        refusals=Refusals(target, lambda _: None),
    )
    assert worker.one_pass(allocator) == PassOutcome()


def test_a_request_to_stop_lets_every_running_batch_commit(
    tickets: Any, rotation: RotationFactory
) -> None:
    leak(tickets, 1000)
    stop = StopSignal()
    result = rotation(lambda _: stop.request(), stop, workers=3, batch_rows=40).run()
    assert result.outcome is Outcome.STOPPED
    assert result.rotated_rows in {40, 80, 120}
    assert pending(tickets) == 1000 - result.rotated_rows


def test_an_abort_rolls_every_running_batch_back(tickets: Any, rotation: RotationFactory) -> None:
    leak(tickets, 1000)
    tickets.cursor().execute(ON_ROW.format(when="OLD.id % 10 = 5", body="PERFORM pg_sleep(60)"))
    stop = StopSignal()
    engine = rotation(stop=stop, workers=3, batch_rows=10, limit_rows=1000)
    with ThreadPoolExecutor(max_workers=1) as pool:
        running = pool.submit(engine.run)
        until(lambda: value(tickets, ASLEEP) == 3)
        stop.abort()
        with pytest.raises(AbortedError):
            running.result(timeout=30)
    assert pending(tickets) == 1000


def test_a_row_that_stays_locked_is_left_by_all_workers_and_its_holder_is_named(
    tickets: Any,
    database_url: str,
    connect: Callable[[str], Any],
    rotation: RotationFactory,
) -> None:
    leak(tickets, 500)
    holder = connect(database_url)
    holder.autocommit = False
    holder.cursor().execute("SELECT FROM tickets_ticket WHERE id = 77 FOR UPDATE")
    result = rotation(workers=3, batch_rows=10, wait_for_locks_seconds=0.5).run()
    assert (result.outcome, result.rotated_rows, result.skipped_rows) == (
        Outcome.ROWS_LOCKED,
        499,
        1,
    )
    assert [blocker.pid for blocker in result.blockers] == [holder.info.backend_pid]
    holder.rollback()
    rotation(workers=3).run()
    assert_each_token_changed_once(tickets)


class Waits(StopSignal):
    """Waits take no time; they move a clock that nothing else moves."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.0
        self._lock = Lock()

    def clock(self) -> float:
        return self.seconds

    def wait(self, seconds: float) -> bool:
        with self._lock:
            self.seconds += max(0.0, seconds)
        return self.requested


def test_batches_in_the_same_time_keep_to_one_rate(tickets: Any, target: Target) -> None:
    leak(tickets, 300)
    batches: list[BatchDone] = []

    def note(event: Event) -> None:
        if isinstance(event, BatchDone):
            batches.append(event)

    stop = Waits()
    options = RotationOptions(workers=3, batch_rows=10, max_rows_per_second=200)
    result = Rotation(target, options, observe=note, stop=stop, clock=stop.clock).run()
    assert sum(batch.rotated_rows for batch in batches) == 300
    # Each of the three may begin a batch before the first one has told what it did.
    assert result.seconds >= (300 - 3 * 10) / 200
    assert_each_token_changed_once(tickets)

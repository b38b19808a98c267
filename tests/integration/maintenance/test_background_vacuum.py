"""The table hardly grows while it is rotated, and no VACUUM stands in anybody's way."""

import threading
from collections.abc import Callable
from itertools import chain, repeat
from typing import Any

import pytest
from django.db import OperationalError, connections

from tests.support.leaked import assert_each_token_changed_once, leak, value
from tests.support.rotations import RotationFactory
from tests.support.waiting import until
from token_rotation.engine.result import Outcome
from token_rotation.events import Event, Remark
from token_rotation.inspection import snapshots
from token_rotation.maintenance import background_vacuum
from token_rotation.maintenance.background_vacuum import BackgroundVacuum, cost_limit
from token_rotation.maintenance.vacuum import TableVacuum
from token_rotation.postgres.autocommit_session import COST_LIMIT
from token_rotation.selection.target import Target
from token_rotation.stop import StopSignal

TABLE_BYTES = "SELECT pg_table_size('tickets_ticket')"
AT_WORK = "SELECT count(*) FROM pg_stat_progress_vacuum WHERE datname = current_database()"
ROWS = 20_000


@pytest.fixture(autouse=True)
def small_tables_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background_vacuum, "FEWEST_ROWS", 1)


@pytest.fixture
def tickets(tickets: Any) -> Any:
    """Without autovacuum, which would be on the table at a time of its own."""
    tickets.cursor().execute("ALTER TABLE tickets_ticket SET (autovacuum_enabled = false)")
    return tickets


class Remarks:
    def __init__(self) -> None:
        self.texts: list[str] = []

    def __call__(self, event: Event) -> None:
        if isinstance(event, Remark):
            self.texts.append(event.text)


class UntilVacuumed(StopSignal):
    """Each pause between batches lasts until the VACUUM beside them has ended what it does."""

    vacuum: BackgroundVacuum

    def wait(self, seconds: float) -> bool:
        until(lambda: not self.vacuum._is_busy)
        return super().wait(seconds)


def rotate(rotation: RotationFactory, **options: Any) -> tuple[Any, list[str]]:
    remarks, stop = Remarks(), UntilVacuumed()
    engine = rotation(remarks, stop, batch_rows=500, pause_seconds=0.001, **options)
    stop.vacuum = engine._vacuum
    return engine.run(), remarks.texts


def test_the_space_of_replaced_rows_is_used_again(tickets: Any, rotation: RotationFactory) -> None:
    leak(tickets, ROWS)
    tickets.cursor().execute("VACUUM ANALYZE tickets_ticket")
    before = value(tickets, TABLE_BYTES)
    result, remarks = rotate(rotation, vacuum_every_percent=10)
    assert (result.outcome, remarks) == (Outcome.COMPLETE, [])
    assert result.vacuums >= 3
    assert value(tickets, TABLE_BYTES) < 1.6 * before
    assert_each_token_changed_once(tickets)


def beside_batches(
    target: Target, remarks: Remarks, **asked: Callable[[], bool]
) -> BackgroundVacuum:
    """What a rotation has beside its batches, after the first look."""
    answers = {"meets_traffic": lambda: False, "holds_back": lambda: False, **asked}
    beside = BackgroundVacuum(target, 10, observe=remarks, **answers)
    beside.begin()
    return beside


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The cost limits of the VACUUMs that begin.

    The fast one is made slow, to be still at work when it is to give way, the slow one fast.
    """
    begun: list[int] = []

    class Noted(TableVacuum):
        def __init__(self, target: Target, *, cost_limit: int) -> None:
            begun.append(cost_limit)
            super().__init__(target, cost_limit=cost_limit)

    monkeypatch.setattr(background_vacuum, "TableVacuum", Noted)
    monkeypatch.setattr(background_vacuum, "FAST_COST_LIMIT", 1)
    monkeypatch.setattr(background_vacuum, "SLOW_COST_LIMIT", 10_000)
    return begun


@pytest.mark.parametrize("asked", ["meets_traffic", "holds_back"])
def test_a_vacuum_that_began_in_a_quiet_moment_slows_down_when_others_come_or_a_standby_lags(
    tickets: Any,
    target: Target,
    limits: list[int],
    monkeypatch: pytest.MonkeyPatch,
    asked: str,
) -> None:
    leak(tickets, ROWS)
    monkeypatch.setattr(background_vacuum, "GIVE_WAY_AFTER_SECONDS", 0)
    remarks, now = Remarks(), threading.Event()
    beside = beside_batches(target, remarks, **{asked: now.is_set})
    tickets.cursor().execute("UPDATE tickets_ticket SET token_rotated_at = NULL")
    until(lambda: beside.rotated(ROWS) or value(tickets, AT_WORK) == 1)
    now.set()
    until(lambda: beside.rotated(0) or len(limits) == 2)
    until(lambda: beside.vacuums == 1)
    beside.close()
    assert (limits, remarks.texts) == ([1, 10_000], [])


def test_pace_beside_traffic_is_below_autovacuums_and_else_above_it() -> None:
    assert cost_limit(meets_traffic=True) < COST_LIMIT < cost_limit(meets_traffic=False)


def test_no_vacuum_begins_while_a_lagging_standby_holds_the_batches_back(
    tickets: Any, target: Target, limits: list[int]
) -> None:
    leak(tickets, ROWS)
    lags = threading.Event()
    lags.set()
    beside = beside_batches(target, Remarks(), holds_back=lags.is_set)
    until(lambda: beside._due_rows < ROWS)
    for _ in range(10):
        beside.rotated(ROWS)
    assert limits == []
    lags.clear()
    until(lambda: beside.rotated(0) or limits == [1])
    beside.close()


def test_what_is_due_while_a_vacuum_runs_waits_for_its_end(
    tickets: Any, target: Target, limits: list[int]
) -> None:
    leak(tickets, ROWS)
    remarks = Remarks()
    beside = beside_batches(target, remarks)
    tickets.cursor().execute("UPDATE tickets_ticket SET token_rotated_at = NULL")
    until(lambda: beside.rotated(ROWS) or value(tickets, AT_WORK) == 1)
    for _ in range(10):
        beside.rotated(ROWS)
    assert limits == [1]
    beside.close()
    assert remarks.texts == []


def test_one_that_was_left_out_is_tried_again_soon(
    tickets: Any, target: Target, database_url: str, connect: Callable[[str], Any]
) -> None:
    leak(tickets, ROWS)
    tickets.cursor().execute("VACUUM ANALYZE tickets_ticket")
    other, remarks = connect(database_url), Remarks()
    other.cursor().execute("BEGIN; LOCK TABLE tickets_ticket IN SHARE UPDATE EXCLUSIVE MODE")
    beside = beside_batches(target, remarks)
    until(lambda: beside._due_rows == ROWS / 10)
    beside.rotated(ROWS // 10)
    until(lambda: beside.rotated(0) or remarks.texts)
    other.cursor().execute("ROLLBACK")
    beside.rotated(ROWS // 100)
    until(lambda: beside.rotated(0) or beside.vacuums == 1)
    beside.close()
    assert len(remarks.texts) == 1


def test_one_that_was_left_out_still_knows_of_the_rows_that_died_before_it(
    tickets: Any, target: Target, database_url: str, connect: Callable[[str], Any]
) -> None:
    leak(tickets, 1000)
    remarks = Remarks()
    beside = beside_batches(target, remarks)
    until(lambda: beside._due_rows == 100)
    tickets.cursor().execute("UPDATE tickets_ticket SET subject = 'dead before the reader came'")
    reader, other = connect(database_url), connect(database_url)
    reader.cursor().execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
    value(reader, "SELECT count(*) FROM tickets_ticket")
    tickets.cursor().execute("UPDATE tickets_ticket SET subject = 'dead since'")
    other.cursor().execute("BEGIN; LOCK TABLE tickets_ticket IN SHARE UPDATE EXCLUSIVE MODE")
    beside.rotated(100)
    until(lambda: beside.rotated(0) or remarks.texts)
    other.cursor().execute("ROLLBACK")
    beside.rotated(10)
    until(lambda: beside.rotated(0) or beside.vacuums or len(remarks.texts) > 1)
    beside.close()
    assert (beside.vacuums, len(remarks.texts)) == (1, 1)


def test_a_first_look_that_fails_does_not_leave_the_whole_run_without_a_vacuum(
    tickets: Any, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    leak(tickets, ROWS)
    looks = chain([OperationalError("too many clients")], repeat(5.0))

    def looked(*_: object) -> float:
        found = next(looks)
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setattr(background_vacuum, "due_rows", looked)
    beside = beside_batches(target, Remarks())
    until(lambda: beside.rotated(1) or beside.vacuums >= 1)
    beside.close()


def test_a_server_without_a_connection_left_is_asked_no_more_often_than_after_a_tenth_of_a_share(
    tickets: Any, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    leak(tickets, ROWS)
    beside = beside_batches(target, Remarks())
    until(lambda: beside._due_rows == ROWS / 10)
    monkeypatch.setitem(connections[target.database].settings_dict, "NAME", "there_is_none")
    looks = []
    look = beside._look
    monkeypatch.setattr(beside, "_look", lambda: looks.append(1) or look())
    for _ in range(ROWS // 100):
        beside.rotated(100)
        until(lambda: not beside._is_busy)
    assert len(looks) == 1 + (ROWS - ROWS // 10) // (ROWS // 100)
    beside.close()


def test_without_a_share_nothing_is_vacuumed(tickets: Any, rotation: RotationFactory) -> None:
    leak(tickets, ROWS)
    result, remarks = rotate(rotation, vacuum_every_percent=0)
    assert (result.vacuums, remarks) == (0, [])


def test_an_old_snapshot_is_named_and_no_vacuum_is_tried_in_vain(
    tickets: Any,
    database_url: str,
    connect: Callable[[str], Any],
    rotation: RotationFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(snapshots, "JUST_BEGUN_SECONDS", 0.0)  # it is old from the start
    leak(tickets, ROWS)
    holder = connect(database_url)
    holder.cursor().execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
    holder.cursor().execute("SELECT count(*) FROM tickets_ticket")
    result, remarks = rotate(rotation, vacuum_every_percent=20)
    assert (result.outcome, result.vacuums) == (Outcome.COMPLETE, 0)
    assert f"pid {holder.info.backend_pid} (idle in transaction, open for" in remarks[0]
    assert "still needs the dead rows" in remarks[0]


def test_a_vacuum_of_somebody_else_is_left_alone(
    tickets: Any, database_url: str, connect: Callable[[str], Any], rotation: RotationFactory
) -> None:
    leak(tickets, ROWS)
    other = connect(database_url)
    other.cursor().execute("BEGIN")
    other.cursor().execute("LOCK TABLE tickets_ticket IN SHARE UPDATE EXCLUSIVE MODE")
    result, remarks = rotate(rotation, vacuum_every_percent=20)
    assert (result.outcome, result.vacuums) == (Outcome.COMPLETE, 0)
    (remark,) = remarks
    assert remark.endswith(
        f"another session (pid {other.info.backend_pid}) is at work on tickets_ticket already"
    )


def test_a_request_to_stop_ends_a_running_vacuum(
    tickets: Any, rotation: RotationFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    leak(tickets, ROWS)
    monkeypatch.setattr(background_vacuum, "FAST_COST_LIMIT", 1)  # it would take minutes
    monkeypatch.setattr(background_vacuum, "SLOW_COST_LIMIT", 1)

    class OnceItVacuums(StopSignal):
        def wait(self, seconds: float) -> bool:
            until(lambda: value(tickets, AT_WORK) or not engine._vacuum._is_busy)
            if engine._vacuum._is_busy:
                self.request()
            return super().wait(seconds)

    engine = rotation(
        stop=OnceItVacuums(), batch_rows=500, vacuum_every_percent=5, pause_seconds=0.001
    )
    result = engine.run()
    assert (result.outcome, result.vacuums) == (Outcome.STOPPED, 0)
    assert value(tickets, AT_WORK) == 0
    rotation(vacuum_every_percent=0).run()
    assert_each_token_changed_once(tickets)

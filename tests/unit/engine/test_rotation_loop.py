"""A rotation ends when the data says so, when it is told to, or when rows stay locked."""

from collections.abc import Callable
from typing import Any, cast

import pytest

from tests.support.clock import Clock
from token_rotation.engine import rotation as module
from token_rotation.engine.passes.pass_outcome import PassOutcome
from token_rotation.engine.result import Blocker, Outcome
from token_rotation.engine.rotation import Rotation
from token_rotation.errors import UnyieldingRowsError
from token_rotation.events import BatchDone, Event, Remark, Retrying, Waiting
from token_rotation.options import RotationOptions
from token_rotation.pacing.pace import Pace
from token_rotation.selection.key_range import EVERY_KEY, KeyRange
from token_rotation.selection.target import Target
from token_rotation.stop import StopSignal
from token_rotation.tokens.sources import SqlTokens

TARGET = Target(
    "tickets.Ticket", "default", "ticket", "id", "token", "at", SqlTokens("f()"), True, ()
)
BOUNDS, SKIPPED, STUCK = KeyRange(0, 99), KeyRange(1, 2), KeyRange(3, 4)
BLOCKERS = (Blocker(7, "active", 1.0),)


class Vacuum:
    """Notes what it hears of."""

    vacuums, seconds, left_out_because = 3, 4.5, "autovacuum is at work"

    def __init__(self, *_: object, **asked: Callable[[], bool]) -> None:
        self.asked = asked
        self.heard: list[object] = []

    def begin(self) -> None:
        self.heard.append("begun")

    def rotated(self, rows: int) -> None:
        self.heard.append(rows)

    def close(self) -> None:
        self.heard.append("closed")


class Probe:
    """Never asks a server."""

    def __init__(self, *_: object) -> None:
        self.heard: list[str] = []

    def begin(self) -> None:
        self.heard.append("begun")

    def close(self) -> None:
        self.heard.append("closed")


class Connection:
    cancelled = closed = 0

    def cancel(self) -> None:
        self.cancelled += 1

    def close(self) -> None:
        self.closed += 1


class Played:
    """A rotation whose passes leave what they are told, and its waits end as they are told."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, *passes: tuple[int, PassOutcome], **options: Any
    ) -> None:
        self.passes = list(passes)
        self.is_pending = [True] * (len(passes) - 1) + [False]
        self.is_free: list[bool] = []
        self.waited_for: list[KeyRange] = []
        self.checked: list[KeyRange | None] = []
        self.doubtful: list[str] = []
        self.first: set[str] = set()
        self.looks_at_indexes = 0
        self.restarts = 0
        self.waited_seconds = 0.0
        self.blockers = BLOCKERS
        self.during_pass: Callable[[], object] = lambda: None
        self.during_wait: Callable[[], object] = lambda: None
        self.clock, self.stop, self.told = Clock(), StopSignal(), list[Event]()
        monkeypatch.setattr(module, "WorkerPool", lambda *_, **__: self)
        monkeypatch.setattr(module, "PassPlan", lambda *_, **__: self)
        monkeypatch.setattr(module, "LockWait", lambda *_, **__: self)
        monkeypatch.setattr(module, "BackgroundVacuum", Vacuum)
        monkeypatch.setattr(module, "Probe", Probe)
        monkeypatch.setattr(module, "try_others", lambda *_: self.doubtful)
        monkeypatch.setattr(
            module, "check_that_changes_stick", lambda _, keys, __: self.checked.append(keys)
        )
        monkeypatch.setattr(module, "check_order_of_indexes", lambda _: self.looked())
        self.rotation = Rotation(
            TARGET,
            RotationOptions(**options),
            observe=self.told.append,
            stop=self.stop,
            clock=self.clock,
            bounds=BOUNDS,
        )
        self.workers = self.rotation._workers
        self.vacuum = cast(Vacuum, self.rotation._vacuum)
        self.probe = cast(Probe | None, self.rotation._probe)

    def looked(self) -> None:
        self.looks_at_indexes += 1

    # of the pool and the plan

    def allocator(self) -> None: ...

    def any_pending(self, _: object) -> bool:
        return self.is_pending.pop(0)

    def first_keys(self, _: object) -> set[str]:
        return self.first

    def by_one(self, ask: Callable[[Any], Any]) -> Any:
        return ask(None)

    def one_pass(self, _: None) -> PassOutcome:
        rows, left = self.passes.pop(0)
        if rows:
            self.rotation._observe(BatchDone(EVERY_KEY, rows, left.skipped_rows, 0.5, 10))
        self.clock.now += 10
        self.during_pass()
        return left

    # of the wait for locks

    def wait(self, _: None, keys: KeyRange) -> bool:
        self.waited_for.append(keys)
        self.waited_seconds += 2.0
        self.during_wait()
        return self.is_free.pop(0)

    def restart(self) -> None:
        self.restarts += 1


def left(rows: int = 0, **others: Any) -> PassOutcome:
    return PassOutcome(rows, **others)


def test_nothing_pending_after_a_pass_is_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    played = Played(monkeypatch, (5, left()))
    result = played.rotation.run()
    assert result is played.rotation.result
    assert (result.outcome, result.rotated_rows, result.batches) == (Outcome.COMPLETE, 5, 1)
    assert (result.seconds, result.batch_seconds.sum_seconds) == (10.0, 0.5)
    assert (played.restarts, played.waited_for, played.checked) == (0, [], [])


def test_rows_still_pending_start_another_pass_and_waits_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    played = Played(monkeypatch, (5, left()), (2, left()), (1, left()))
    assert played.rotation.run().rotated_rows == 8
    assert (played.restarts, played.waited_for, played.checked) == (2, [], [])


def test_locked_rows_are_waited_for_only_after_a_pass_without_progress(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    played = Played(monkeypatch, (5, left(2, skipped=SKIPPED)), (0, left(2, skipped=SKIPPED)))
    played.is_free = [False]
    played.is_pending = [True, True]
    result = played.rotation.run()
    assert (result.outcome, result.skipped_rows, result.blockers) == (
        Outcome.ROWS_LOCKED,
        2,
        BLOCKERS,
    )
    assert (played.waited_for, played.restarts, played.checked) == ([SKIPPED], 1, [])
    assert result.waited_seconds == {"row locks": 2.0}


def test_without_a_range_that_was_skipped_the_bounds_are_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    played = Played(monkeypatch, (0, left(2)))
    played.is_free, played.is_pending = [False], [True]
    played.rotation.run()
    assert played.waited_for == [BOUNDS]


def test_rows_that_are_free_again_get_another_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    played = Played(monkeypatch, (0, left(2)), (2, left()))
    played.is_free = [True]
    result = played.rotation.run()
    assert (result.outcome, result.skipped_rows, result.blockers) == (Outcome.COMPLETE, 0, ())


def test_after_twenty_waits_in_vain_it_looks_whether_changes_stick_and_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    played = Played(monkeypatch, *[(0, left(2, skipped=SKIPPED))] * 20)
    played.is_free = [True] * 20
    played.is_pending = [True] * 20
    assert played.rotation.run().outcome is Outcome.ROWS_LOCKED
    assert (len(played.waited_for), played.checked) == (20, [SKIPPED])


def test_a_last_wait_for_a_row_that_stays_locked_checks_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    played = Played(monkeypatch, *[(0, left(2))] * 20)
    played.is_free = [True] * 19 + [False]
    played.is_pending = [True] * 20
    assert played.rotation.run().outcome is Outcome.ROWS_LOCKED
    assert played.checked == []


def test_every_third_pass_that_neither_skips_nor_rotates_is_looked_into(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    played = Played(monkeypatch, *[(0, left(stuck=STUCK))] * 3, (1, left()))
    assert played.rotation.run().outcome is Outcome.COMPLETE
    assert (played.checked, played.waited_for) == ([STUCK], [])


def test_six_passes_that_neither_skip_nor_rotate_are_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    played = Played(monkeypatch, *[(0, left(stuck=STUCK))] * 7)
    assert played.rotation.run().outcome is Outcome.COMPLETE
    assert (len(played.passes), len(played.checked)) == (1, 4)
    assert played.looks_at_indexes == 1, "an index in disorder would explain it"


def test_what_the_check_finds_ends_the_rotation(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise UnyieldingRowsError("another trigger")

    played = Played(monkeypatch, *[(0, left(stuck=STUCK))] * 3, (0, left()))
    monkeypatch.setattr(module, "check_that_changes_stick", refuse)
    with pytest.raises(UnyieldingRowsError):
        played.rotation.run()
    assert played.rotation.result.seconds == 30.0
    assert played.vacuum.heard[-1] == "closed"


def test_a_wish_to_stop_ends_it_after_the_pass_without_another_look(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    played = Played(monkeypatch, (5, left()), (5, left()))
    played.during_pass = played.stop.request
    assert played.rotation.run().outcome is Outcome.STOPPED
    assert (len(played.passes), len(played.is_pending)) == (1, 2)


def test_the_last_row_of_the_limit_ends_it_after_the_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    played = Played(monkeypatch, (5, left()), (5, left()), limit_rows=5)
    played.during_pass = lambda: played.rotation._row_limit.take(5)
    assert played.rotation.run().outcome is Outcome.LIMIT_REACHED
    assert (len(played.passes), len(played.is_pending)) == (1, 2)


@pytest.mark.parametrize("is_free", [True, False])
def test_a_wish_to_stop_during_a_wait_for_locks_is_a_stop(
    monkeypatch: pytest.MonkeyPatch, *, is_free: bool
) -> None:
    played = Played(monkeypatch, (0, left(2)), (2, left()))
    played.is_free = [is_free]
    played.during_wait = played.stop.request
    result = played.rotation.run()
    assert (result.outcome, result.skipped_rows) == (Outcome.STOPPED, 0)
    assert len(played.passes) == 1


def test_a_stop_before_the_first_pass_rotates_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    played = Played(monkeypatch, (5, left()))
    played.stop.request()
    assert played.rotation.run().outcome is Outcome.STOPPED
    assert len(played.passes) == 1


def test_an_abort_cancels_every_workers_statement_and_the_end_closes_every_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    played = Played(monkeypatch, (5, left()), workers=3)
    connections = [Connection() for _ in played.workers]
    for worker, connection in zip(played.workers, connections, strict=True):
        worker.connection = cast(Any, connection)
    played.during_pass = played.stop.abort
    played.rotation.run()
    assert [(one.cancelled, one.closed) for one in connections] == [(1, 1)] * 3


def test_the_vacuum_hears_of_every_batch_and_of_every_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    played = Played(monkeypatch, (5, left()), (2, left()))
    waiting, retrying = Waiting("a wait"), Retrying("a fault", 1, 0.5)
    for event in (waiting, retrying):
        played.rotation._observe(event)
    assert played.vacuum.heard == [0], "nothing was rotated, and traffic may be in the way"
    played.rotation.run()
    assert played.vacuum.heard == [0, "begun", 5, 2, "closed"]
    assert played.told[:2] == [waiting, retrying]
    assert [event.rotated_rows for event in played.told if isinstance(event, BatchDone)] == [5, 2]


def test_the_vacuum_asks_the_throttle_whom_it_would_disturb(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    played = Played(monkeypatch)
    asked = played.vacuum.asked
    assert (asked["meets_traffic"](), asked["holds_back"]()) == (True, False), "no probe yet"
    played.rotation.change_pace(Pace(traffic_budget_ms=0))
    assert (asked["meets_traffic"](), asked["holds_back"]()) == (False, False)


def test_probes_go_on_as_long_as_the_rotation_however_it_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    played = Played(monkeypatch, (5, left()))
    heard_at_work: list[str] = []

    def fail() -> None:
        assert played.probe is not None
        heard_at_work.extend(played.probe.heard)
        raise UnyieldingRowsError("for this test")

    played.during_pass = fail
    with pytest.raises(UnyieldingRowsError):
        played.rotation.run()
    assert played.probe is not None
    assert (heard_at_work, played.probe.heard) == (["begun"], ["begun", "closed"])
    assert Played(monkeypatch, batch_rows=9).probe is None, "nothing could be steered by it"


def test_a_result_so_far_has_the_figures_of_all_workers_and_of_the_vacuum(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    played = Played(monkeypatch, workers=2)
    for worker, (retries, seconds) in zip(played.workers, ((3, 1.0), (4, 2.0)), strict=True):
        worker.retrying.retries = retries
        worker.pace.waited_seconds = {"pace": seconds}
    played.rotation.sum_up()
    result = played.rotation.result
    assert (result.retries, result.waited_seconds) == (7, {"pace": 1.5})
    assert (result.vacuums, result.vacuum_seconds) == (Vacuum.vacuums, Vacuum.seconds)
    assert result.no_vacuum_because == Vacuum.left_out_because


def test_a_new_pace_holds_for_all_and_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    played = Played(monkeypatch)
    pace = Pace(max_rows_per_second=7)
    played.rotation.change_pace(pace)
    assert played.rotation._throttle.batch_rows(100) == 7
    assert played.told == [Remark(f"The pace was changed: {pace}.")]


def test_where_a_trial_proves_nothing_every_worker_checks_its_rows_and_it_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    played = Played(monkeypatch, (5, PassOutcome()), workers=2)
    played.doubtful = ["audit on ticket"]
    checked: list[list[str]] = []
    for worker in played.workers:
        monkeypatch.setattr(worker, "check_rows", checked.append)

    played.rotation.run()

    assert checked == [["audit on ticket"]] * 2
    assert any(isinstance(each, Remark) and "audit on ticket" in str(each) for each in played.told)

"""Probes beside a rotation harm nobody, and a rotation does without them."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.support.leaked import assert_each_token_changed_once, leak, value
from tests.support.rotations import RotationFactory
from tests.support.waiting import until
from token_rotation.engine.result import Outcome
from token_rotation.events import BatchDone, Event
from token_rotation.pacing.budget.delays import NOBODY
from token_rotation.pacing.budget.probe import Probe
from token_rotation.pacing.budget.queues import Sessions
from token_rotation.pacing.budget.traffic_budget import FIRST_ROWS, TrafficBudget
from token_rotation.selection.target import Target
from token_rotation.sql.server.probe import probe

EMITS = "SELECT oid::regprocedure::text FROM pg_proc WHERE oid::regprocedure::text LIKE {}"
MESSAGE = "'pg_logical_emit_message(boolean,text,text%'"
PROBING = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    " AND query LIKE '%token_rotation probe%' AND pid <> pg_backend_pid()"
)
IDLE = PROBING + " AND state = 'idle'"
LOCKS = PROBING.replace("pg_stat_activity", "pg_locks JOIN pg_stat_activity USING (pid)")


class Counting(TrafficBudget):
    """Counts the probes that ended, one soon after the other until there are enough."""

    def __init__(self, seconds: float = 0.005, *, enough: int = 10**9) -> None:
        self.answered = self.failed = self.looks = 0
        self.others: list[Sessions] = []
        self._enough = enough
        super().__init__(seconds, largest_rows=4000, workers=1, clock=time.monotonic)

    @property
    def is_on(self) -> bool:
        self.looks += 1
        return super().is_on

    def probe_ends(self, server_seconds: float, others: Sessions = NOBODY) -> float:
        self.answered += 1
        self.others.append(others)
        super().probe_ends(server_seconds, others)
        return 0.001 if self.answered < self._enough else 3600.0

    def probe_failed(self) -> None:
        self.failed += 1
        super().probe_failed()


@pytest.fixture
def probing(target: Target) -> Iterator[Callable[[Counting], Counting]]:
    """probing(budget) probes until the test ends."""
    probes: list[Probe] = []

    def begin(budget: Counting) -> Counting:
        probes.append(Probe(target.database, probe(target.table, target.key_column), budget))
        probes[-1].begin()
        return budget

    yield begin
    for each in probes:
        each.close()


@pytest.fixture
def without_messages(tickets: Any, limit_connections: Callable[[int], None]) -> None:
    """3,000 leaked tickets, whose rotation has a role that may not write a probe's message."""
    leak(tickets, 3000)
    limit_connections(10)
    emit = value(tickets, EMITS.format(MESSAGE))  # it has another argument since PostgreSQL 17
    tickets.cursor().execute(f"REVOKE EXECUTE ON FUNCTION {emit} FROM PUBLIC")


def test_probes_leave_no_dead_row_no_lock_and_no_open_transaction(
    tickets: Any, probing: Callable[[Counting], Counting]
) -> None:
    leak(tickets, 100)
    versions = (
        "SELECT array_agg((xmin::text, xmax::text, ctid::text)::text ORDER BY id)"
        " FROM tickets_ticket"
    )
    before = value(tickets, versions)
    tables = "SELECT count(*) FROM pg_class"
    tables_before = value(tickets, tables)
    budget = probing(Counting(enough=50))
    until(lambda: budget.answered == 50)
    assert value(tickets, versions) == before
    assert value(tickets, tables) == tables_before
    assert value(tickets, IDLE) == 1
    assert value(tickets, LOCKS) == 0
    assert budget.failed == 0


def test_a_probe_behind_a_table_lock_gives_up_soon_and_comes_back(
    tickets: Any, other: Any, probing: Callable[[Counting], Counting]
) -> None:
    leak(tickets, 10)
    other.cursor().execute("LOCK TABLE tickets_ticket")
    budget = probing(Counting())
    until(lambda: budget.failed)
    assert budget.answered == 0
    other.rollback()
    until(lambda: budget.answered)


def test_a_killed_session_of_probes_is_opened_again(
    tickets: Any, probing: Callable[[Counting], Counting]
) -> None:
    leak(tickets, 10)
    budget = probing(Counting())
    until(lambda: budget.answered)
    kill = PROBING.replace("count(*)", "bool_or(pg_terminate_backend(pid))")
    until(lambda: value(tickets, kill))  # not while it asks something else
    until(lambda: budget.failed)
    answered = budget.answered
    until(lambda: budget.answered > answered)


def test_with_a_budget_of_0_there_is_no_probe_until_the_pace_changes(
    tickets: Any, probing: Callable[[Counting], Counting]
) -> None:
    leak(tickets, 10)
    budget = probing(Counting(0))
    until(lambda: budget.looks)
    assert budget.answered == 0
    budget.change(0.005)
    until(lambda: budget.answered)
    budget.change(0)
    until(lambda: value(tickets, PROBING) == 0)


def test_a_probe_counts_sessions_whose_work_it_may_not_see(
    tickets: Any,
    limit_connections: Callable[[int], None],
    probing: Callable[[Counting], Counting],
) -> None:
    leak(tickets, 1)
    limit_connections(10)  # its role has no right to see this session of another
    budget = probing(Counting(enough=1))
    until(lambda: budget.answered)
    (others,) = budget.others
    assert (others.at_work, others.waiting) == (0, 0)
    assert others.hidden >= 1


def test_the_end_of_a_rotation_is_the_end_of_its_probes(
    tickets: Any, rotation: RotationFactory
) -> None:
    leak(tickets, 3000)
    assert rotation(traffic_budget_ms=5).run().outcome is Outcome.COMPLETE
    until(lambda: value(tickets, PROBING) == 0)
    assert_each_token_changed_once(tickets)


@pytest.mark.parametrize("workers", [1, 3])
def test_a_rotation_with_a_budget_that_nobody_could_keep_still_completes(
    tickets: Any, rotation: RotationFactory, workers: int
) -> None:
    leak(tickets, 3000)
    result = rotation(traffic_budget_ms=0.001, workers=workers).run()
    assert (result.outcome, result.rotated_rows) == (Outcome.COMPLETE, 3000)
    assert result.waited_seconds["traffic"] > 0
    assert_each_token_changed_once(tickets)


@pytest.mark.usefixtures("without_messages")
def test_where_probes_are_refused_a_rotation_goes_on_gently_and_completes(
    tickets: Any, rotation: RotationFactory
) -> None:
    sizes: list[int] = []

    def note(event: Event) -> None:
        if isinstance(event, BatchDone):
            sizes.append(event.rotated_rows)

    result = rotation(note, traffic_budget_ms=60_000).run()
    assert (result.outcome, result.rotated_rows) == (Outcome.COMPLETE, 3000)
    assert max(sizes) <= FIRST_ROWS
    assert_each_token_changed_once(tickets)


def test_a_probe_counts_the_sessions_of_others_that_are_at_work_and_those_that_wait(
    tickets: Any,
    database_url: str,
    connect: Callable[[str], Any],
    probing: Callable[[Counting], Counting],
) -> None:
    leak(tickets, 1)
    waiting = connect(database_url)
    tickets.cursor().execute("SELECT pg_advisory_lock(1)")
    with ThreadPoolExecutor() as pool:
        pool.submit(waiting.cursor().execute, "SELECT pg_advisory_lock(1)")
        try:
            until(lambda: value(tickets, "SELECT count(*) FROM pg_locks WHERE NOT granted"))
            budget = probing(Counting(enough=5))
            until(lambda: budget.answered >= 5)
        finally:
            tickets.cursor().execute("SELECT pg_advisory_unlock(1)")
    assert set(budget.others) == {Sessions(at_work=1, waiting=1)}

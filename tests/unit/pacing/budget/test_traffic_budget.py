"""A rotation keeps its budget on a modelled server, and uses what it is given."""

from itertools import pairwise
from statistics import median

import pytest

from tests.support.clock import Clock
from tests.support.modelled_server import LARGEST_ROWS, ModelledServer, Process, per_batch
from token_rotation.pacing.budget.queues import Sessions
from token_rotation.pacing.budget.traffic_budget import FIRST_ROWS, TrafficBudget

BUDGET_MS = 5.0
BUDGET = BUDGET_MS / 1000
NEARLY = 0.85
"""Of the full rate: rests for probes take the other part."""


def unheld(seconds: float, begin: float, end: float, *, workers: int = 1) -> int:
    """The rows between two times of a rotation that regards nobody."""
    server = ModelledServer()
    process = server.add(0, workers=workers)
    server.play(seconds)
    return process.rows(begin, end)


def test_on_an_idle_server_it_is_at_full_speed_within_three_seconds() -> None:
    server = ModelledServer()
    process = server.add(BUDGET_MS)
    server.play(6)
    assert process.batch_rows(0, 0.7) <= LARGEST_ROWS / 4, "it starts gently"
    assert process.rows(3, 6) >= NEARLY * unheld(6, 3, 6)


def test_all_workers_join_on_an_idle_server() -> None:
    server = ModelledServer()
    process = server.add(BUDGET_MS, workers=3)
    server.play(8)
    assert process.rows(0, 1) <= unheld(1, 0, 1), "one worker begins"
    assert process.rows(6, 8) >= NEARLY * unheld(8, 6, 8, workers=3)


@pytest.mark.parametrize("seconds", [0.03, 0.1, 0.5])
def test_a_burst_is_answered_within_a_second_and_its_end_within_five(seconds: float) -> None:
    felt_seconds, rows = [], []
    for seed in range(3):
        server = ModelledServer(per_batch(seconds, begin=8, end=13), seed=seed)
        process = server.add(BUDGET_MS)
        server.play(20)
        assert process.rows(6, 8) >= NEARLY * unheld(8, 6, 8)
        assert any(8 < at <= 9 and ": less" in reason for at, reason in process.told)
        assert process.batch_rows(9, 10) <= LARGEST_ROWS / 3
        assert server.felt_seconds(8, 10) > BUDGET, "it was an overload"
        felt_seconds.append(server.felt_seconds(10, 13))
        rows.append(process.rows(18, 20))
    assert median(felt_seconds) <= BUDGET
    assert median(rows) >= NEARLY * unheld(20, 18, 20)


@pytest.mark.parametrize(("burst_seconds", "was_felt"), [(0.0, False), (0.1, True)])
def test_what_others_felt_lately_keeps_a_vacuum_gentle_at_full_speed(
    burst_seconds: float, *, was_felt: bool
) -> None:
    server = ModelledServer(per_batch(burst_seconds, begin=8, end=10))
    server.others = lambda at: Sessions(at_work=float(was_felt and 8 <= at < 8.1))
    process = server.add(BUDGET_MS)
    server.play(20)
    assert process.budget.tight_because == "", "it is at full speed again"
    assert process.budget.meets_traffic == was_felt
    assert process.budget.may_meet_traffic == was_felt


def test_where_nobody_is_there_a_vacuum_is_fast_though_its_own_reads_delay_probes() -> None:
    server = ModelledServer(per_batch(0.1, begin=8))
    process = server.add(BUDGET_MS)
    server.play(10)
    assert process.budget.tight_because
    assert not process.budget.meets_traffic
    assert not process.budget.may_meet_traffic


@pytest.mark.parametrize("met", [Sessions(at_work=1), Sessions(hidden=1)])
def test_a_vacuum_is_gentle_while_others_may_be_at_work_though_they_feel_nothing(
    met: Sessions,
) -> None:
    clock = Clock()
    budget = TrafficBudget(BUDGET, largest_rows=LARGEST_ROWS, workers=1, clock=clock)
    assert budget.may_meet_traffic, "it is not known"
    assert not budget.meets_traffic
    for others in [Sessions()] * 19 + [met]:
        budget.probe_begins()
        clock.now += 0.001
        clock.now += budget.probe_ends(clock.now, others)
    assert budget.meets_traffic
    budget.change(0)
    assert not budget.may_meet_traffic


def test_a_vacuum_is_gentle_where_no_probe_tells_of_others() -> None:
    """In each range a rotation begins anew, so not in its first seconds."""
    clock = Clock()
    budget = TrafficBudget(BUDGET, largest_rows=LARGEST_ROWS, workers=1, clock=clock)
    assert not budget.meets_traffic
    clock.now += 4
    assert budget.meets_traffic


def test_statements_are_read_in_rests_of_all_and_not_in_the_first() -> None:
    clock = Clock()
    budget = TrafficBudget(BUDGET, largest_rows=LARGEST_ROWS, workers=1, clock=clock)
    rests: list[float] = []
    for _ in range(600):
        budget.probe_begins()
        clock.now += 0.001
        clock.now += budget.probe_ends(clock.now)
        if budget.is_at_rest:
            rests.append(round(clock.now % 2, 2))
            began_at = budget.batch_begins()
            assert not budget.is_at_rest, "a batch is at work"
            budget.batch_ends(began_at)
    assert rests
    assert clock.now - 50 > 4
    assert min(rests) >= 0.05
    assert max(rests) < 0.15, "however seldom it probes, no rest waits for a probe"


def test_it_probes_seldom_once_nothing_can_grow_and_nobody_is_met() -> None:
    quiet, busy = ModelledServer(), ModelledServer()
    busy.others = lambda _: Sessions(at_work=1)
    alone, beside = quiet.add(BUDGET_MS), busy.add(BUDGET_MS)
    quiet.play(30)
    busy.play(30)
    assert alone.probes(10, 30) <= 0.4 * beside.probes(10, 30)
    assert beside.probes(10, 30) >= 200
    assert alone.rows(10, 30) >= beside.rows(10, 30)


def test_traffic_that_nobody_has_met_is_answered_where_it_is_felt() -> None:
    server = ModelledServer(per_batch(0.1, begin=20))
    process = server.add(BUDGET_MS)
    server.play(30)
    assert process.rows(18, 20) >= NEARLY * unheld(20, 18, 20)
    assert any(20 < at <= 22 and ": less" in reason for at, reason in process.told)


@pytest.mark.parametrize(("cost_seconds", "budget_ms"), [(0.02, 2), (0.02, 5), (0.1, 5), (0.1, 20)])
def test_it_works_as_hard_as_the_budget_allows_and_no_harder(
    cost_seconds: float, budget_ms: float
) -> None:
    server = ModelledServer(per_batch(cost_seconds))
    process = server.add(budget_ms)
    server.play(25)
    assert 0.2 * budget_ms <= server.felt_seconds(5, 25) * 1000 <= budget_ms
    assert 0.05 * unheld(25, 5, 25) < process.rows(5, 25) < 0.95 * unheld(25, 5, 25)


def test_a_larger_budget_is_used_for_a_higher_rate() -> None:
    rows = []
    for budget_ms in (1, 2, 5, 20):
        server = ModelledServer(per_batch(0.05))
        process = server.add(budget_ms)
        server.play(25)
        rows.append(process.rows(5, 25))
    assert all(more > 1.2 * less for less, more in pairwise(rows))


def test_a_budget_of_0_holds_nothing_back() -> None:
    clock = Clock()
    budget = TrafficBudget(0, largest_rows=LARGEST_ROWS, workers=4, clock=clock)
    assert not budget.is_on
    assert budget.tight_because == ""
    for worker in range(4):
        for _ in range(50):
            assert budget.wait_seconds(worker) is None
            began_at = budget.batch_begins()
            clock.now += 0.1
            budget.batch_ends(began_at)


def shared(cost_seconds: float) -> tuple[ModelledServer, Process, Process]:
    server = ModelledServer(per_batch(cost_seconds))
    first = server.add(BUDGET_MS)
    second = server.add(BUDGET_MS, ahead_seconds=1000.7)
    server.play(30)
    return server, first, second


@pytest.mark.parametrize("cost_seconds", [0.02, 0.1])
def test_two_processes_keep_the_same_budget_together(cost_seconds: float) -> None:
    server, first, second = shared(cost_seconds)
    assert server.felt_seconds(5, 30) <= BUDGET
    alone = ModelledServer(per_batch(cost_seconds))
    process = alone.add(BUDGET_MS)
    alone.play(30)
    together = first.rows(5, 30) + second.rows(5, 30)
    assert together >= 0.5 * process.rows(5, 30), "and they use it"
    assert min(first.rows(0, 30), second.rows(0, 30)) > 0


def test_two_processes_on_an_idle_server_are_both_at_full_speed() -> None:
    _, first, second = shared(0)
    for process in (first, second):
        assert process.rows(5, 30) >= NEARLY * unheld(30, 5, 30)


def test_without_probes_it_goes_on_gently() -> None:
    server = ModelledServer()
    process = server.add(BUDGET_MS, probe_fails=True)
    server.play(10)
    assert process.batch_rows(0, 10) == FIRST_ROWS
    assert process.rows(1, 10) > 0
    assert process.budget.tight_because.startswith("too few probes")


def test_a_probe_without_an_answer_makes_it_shed() -> None:
    clock, told = Clock(), list[str]()
    budget = TrafficBudget(
        BUDGET, largest_rows=LARGEST_ROWS, workers=1, clock=clock, tell=told.append
    )
    for _ in range(20):
        budget.probe_begins()
        clock.now += 0.001
        clock.now += budget.probe_ends(clock.now)
    rows = budget.rows
    began_at = budget.batch_begins()
    budget.probe_begins()
    for _ in range(10):
        clock.now += 0.1
        budget.wait_seconds()
    assert budget.rows < rows / 2
    assert ": less" in told[-1]
    budget.batch_ends(began_at)


class Played:
    """A budget past its first rest, with a clock that is the server's."""

    def __init__(self, workers: int = 1) -> None:
        self.clock = Clock(100.01)
        self.budget = TrafficBudget(
            BUDGET, largest_rows=LARGEST_ROWS, workers=workers, clock=self.clock
        )
        while self.budget.wait_seconds() is not None:
            self.probe()

    def probe(self) -> None:
        self.budget.probe_begins()
        self.clock.now += 0.001
        self.budget.probe_ends(self.clock.now)
        self.clock.now += 0.02


def test_a_probe_beside_a_batch_tells_nothing_of_the_server_at_rest() -> None:
    played = Played()
    began_at = played.budget.batch_begins()
    played.clock.now = 102.001  # the next slot has begun; the batch is late
    for _ in range(12):
        played.probe()
    assert played.budget.wait_seconds() is not None, "it still waits for probes at rest"
    played.budget.batch_ends(began_at)
    for _ in range(5):
        played.probe()
    assert played.clock.now < 102.5
    assert played.budget.wait_seconds() is None


def test_a_short_batch_does_not_cut_the_rest_after_a_long_one_of_another_worker() -> None:
    played = Played(workers=2)
    budget, clock = played.budget, played.clock
    budget.probe_begins()
    for _ in range(15):
        clock.now += 0.1
        budget.wait_seconds()  # without an answer: the gentlest
    clock.now = 103.0
    long, short = budget.batch_begins(), budget.batch_begins() + 0.4
    clock.now += 0.5
    budget.batch_ends(long)
    rest = budget.wait_seconds()
    budget.batch_ends(short)
    assert rest is not None
    assert rest > 0.5
    assert budget.wait_seconds() == rest


def test_a_worker_rests_after_a_batch_in_proportion_to_its_time() -> None:
    server = ModelledServer(per_batch(20.0))
    process = server.add(BUDGET_MS)
    server.play(10)
    clock, budget = process.clock, process.budget
    process.clock.now += 0.9  # after a slot, whose probes it waits for in vain
    budget.wait_seconds()
    clock.now += 0.7
    began_at = budget.batch_begins()
    clock.now += 0.01
    budget.batch_ends(began_at)
    rest = budget.wait_seconds()
    assert rest is not None
    assert rest > 0.01, "it is at work for less than half of the time"
    clock.now += rest + 0.001
    assert budget.wait_seconds() is None


def test_while_nobody_else_is_there_it_probes_half_as_often_until_it_meets_somebody() -> None:
    server = ModelledServer()
    server.others = lambda at: Sessions(at_work=float(10 <= at < 10.3))
    process = server.add(BUDGET_MS)
    server.play(15)
    seconds = 2  # a rest's probes and those beside it
    assert process.probes(6, 8) <= 7 * seconds
    for later in range(11, 15, seconds):
        assert process.probes(later, later + seconds) >= 10 * seconds


def test_a_step_of_the_servers_clock_is_told() -> None:
    clock, told = Clock(), list[str]()
    budget = TrafficBudget(
        BUDGET, largest_rows=LARGEST_ROWS, workers=1, clock=clock, tell=told.append
    )
    for ahead in (0, 0, -7200.5):
        budget.probe_begins()
        clock.now += 0.001
        budget.probe_ends(clock.now + ahead)
        clock.now += 0.02
    assert told == ["The server's clock has stepped; resting at its new times."]

"""Delays of probes make the intensity grow, stay, or fall."""

import re

import pytest

from token_rotation.pacing.budget.added_delay import TAIL
from token_rotation.pacing.budget.controller import BudgetController, Decision
from token_rotation.pacing.budget.delays import Delay
from token_rotation.pacing.budget.intensity import Intensity
from token_rotation.pacing.budget.queues import Sessions
from token_rotation.pacing.budget.statement_times import Totals

BUDGET = 0.005
USUAL = 0.001
EVERY_SECONDS = 0.08


class Steered:
    """A controller that knows the server at rest; time passes as probes come."""

    def __init__(self, *, at_rest: int = 20, rows: int = 500) -> None:
        self.now = 100.0
        self.intensity = Intensity(largest_rows=4000, workers=1)
        self.intensity.begin_at(rows)
        self.controller = BudgetController(self.intensity, BUDGET)
        for _ in range(at_rest):
            self.controller.felt.add(Delay(self.now, USUAL), at_rest=True)

    @property
    def rows(self) -> int:
        return self.intensity.actuators.rows

    def feel(self, budgets: float, seconds: float, *, keep_rest: bool = True) -> list[Decision]:
        """Probes beside batches that add so many budgets; what was decided."""
        decided: list[Decision] = []
        until = self.now + seconds
        while self.now < until:
            self.now += EVERY_SECONDS
            if keep_rest:
                self.controller.felt.add(Delay(self.now, USUAL), at_rest=True)
            delay = USUAL + budgets * BUDGET / TAIL
            self.controller.felt.add(Delay(self.now, delay), at_rest=False)
            decision = self.controller.decide(self.now)
            if decision is not None:
                decided.append(decision)
        return decided


def test_below_the_budget_it_grows_gently_to_full_speed() -> None:
    steered = Steered()
    decided = steered.feel(0.1, 1.0)
    assert len(decided) >= 2
    assert all(1 < decision.factor <= 2 for decision in decided)
    assert 500 < steered.rows <= 4000
    assert steered.controller.tight_because == ""
    steered.feel(0.1, 5.0)
    assert steered.intensity.is_full
    assert steered.feel(0.1, 1.0) == [], "there is nothing to change at full speed"


@pytest.mark.parametrize(
    ("sessions", "said"),
    [
        (Sessions(at_work=8), "8.0 sessions at work, 0.0 in the rests: less"),
        (Sessions(at_work=1.5, waiting=1.5), "1.5 sessions waiting, 0.0 in the rests: less"),
    ],
)
def test_a_queue_of_others_sessions_is_too_much_though_each_statement_is_short(
    sessions: Sessions, said: str
) -> None:
    steered = Steered()
    steered.feel(0.1, 5.0)
    for _ in range(15):
        steered.now += EVERY_SECONDS
        steered.controller.felt.add(Delay(steered.now, USUAL, sessions), at_rest=False)
    decision = steered.controller.decide(steered.now)
    assert decision is not None
    assert decision.factor < 1
    assert decision.reason.startswith(said)


def test_others_own_statements_that_take_longer_are_too_much_though_the_probe_is_quick() -> None:
    steered = Steered()
    steered.feel(0.1, 5.0)
    felt, now = steered.controller.felt, steered.now
    felt.read_statements(now, {1: Totals(0, 0)}, at_rest=False)
    felt.read_statements(now, {1: Totals(100, 0.1)}, at_rest=True)
    felt.read_statements(now, {1: Totals(200, 0.5)}, at_rest=False)
    decision = steered.controller.decide(now)
    assert decision is not None
    assert decision.factor < 1
    assert decision.reason.startswith("statements +9.0 ms of 5: less")


def test_it_does_not_grow_before_it_has_read_what_statements_take_since_it_shed() -> None:
    steered = Steered()
    steered.feel(0.1, 5.0)
    felt = steered.controller.felt
    for calls, seconds, at_rest in ((0, 0.0, False), (100, 0.1, True), (200, 0.5, False)):
        felt.read_statements(steered.now, {1: Totals(calls, seconds)}, at_rest=at_rest)
    assert steered.controller.decide(steered.now) is not None

    assert steered.feel(0.1, 1.0) == []
    felt.read_statements(steered.now, {1: Totals(300, 0.6)}, at_rest=False)
    assert steered.feel(0.1, 0.5) == []
    felt.read_statements(steered.now, {1: Totals(400, 0.7)}, at_rest=False)
    (more, *_) = steered.feel(0.1, 0.5)
    assert more.factor > 1


def test_sessions_that_are_at_work_in_the_rests_as_well_are_no_queue() -> None:
    steered = Steered()
    for _ in range(15):
        steered.now += EVERY_SECONDS
        steered.controller.felt.add(Delay(steered.now, USUAL, Sessions(at_work=8)), at_rest=True)
        steered.controller.felt.add(Delay(steered.now, USUAL, Sessions(at_work=8)), at_rest=False)
    decision = steered.controller.decide(steered.now)
    assert decision is not None
    assert decision.factor > 1


def test_a_change_can_show_before_the_next_one() -> None:
    steered = Steered()
    (first, *_) = steered.feel(0.1, 0.35)
    rows = steered.rows
    assert first.factor > 1
    for _ in range(5):  # many probes at once
        steered.controller.decide(steered.now)
    assert steered.rows == rows
    assert steered.controller.decide(steered.now, in_flight_seconds=1.0) is None
    steered.now += 1
    assert steered.controller.decide(steered.now, in_flight_seconds=1.0) is not None
    assert steered.controller.decide(steered.now, in_flight_seconds=1.0) is None


@pytest.mark.parametrize("budgets", [0.7, 0.95])
def test_inside_the_dead_band_it_holds(budgets: float) -> None:
    steered = Steered()
    assert steered.feel(budgets, 10.0) == []
    assert steered.rows == 500
    assert steered.controller.tight_because.endswith(" ms of 5")


def test_above_the_budget_it_sheds() -> None:
    steered = Steered()
    decided = steered.feel(1.3, 0.5)
    assert decided
    assert all(0.25 < decision.factor < 1 for decision in decided)
    assert steered.rows < 500


def test_far_above_it_cuts_to_a_quarter_at_once() -> None:
    steered = Steered()
    decided = steered.feel(10, 0.5)
    assert decided[0].factor == 0.25
    assert steered.rows <= 125


def test_at_the_gentlest_there_is_nothing_left_to_shed() -> None:
    steered = Steered()
    steered.feel(10, 30.0)
    assert steered.intensity.is_least
    assert steered.feel(10, 5.0) == []


def test_delays_that_are_rare_but_long_count_in_the_long_run() -> None:
    """A twelfth of the probes is too late by 1.6 budgets: the mean alone would not tell."""
    steered, factors = Steered(), list[float]()
    for step in range(60):
        steered.now += EVERY_SECONDS
        steered.controller.felt.add(Delay(steered.now, USUAL), at_rest=True)
        long = 1.6 * BUDGET if step % 12 == 11 else 0.0
        steered.controller.felt.add(Delay(steered.now, USUAL + long), at_rest=False)
        decision = steered.controller.decide(steered.now)
        factors.append(1 if decision is None else decision.factor)
    assert max(factors[:15]) > 1
    assert min(factors) < 1


def test_delays_at_rest_are_the_servers_own() -> None:
    """The same delays beside batches as at rest, however long, add nothing."""
    steered = Steered(at_rest=0)
    for _ in range(100):
        steered.now += EVERY_SECONDS
        for at_rest in (True, False):
            steered.controller.felt.add(Delay(steered.now, 0.25), at_rest=at_rest)
        steered.controller.decide(steered.now)
    assert steered.intensity.is_full


@pytest.mark.parametrize(
    ("at_rest", "probes", "reason"),
    [(3, 20, "too few probes at rest"), (20, 1, "too few probes")],
)
def test_with_too_few_probes_it_is_blind_does_not_grow_and_says_why(
    at_rest: int, probes: int, reason: str
) -> None:
    steered = Steered(at_rest=at_rest)
    decided = steered.feel(0.0, probes * EVERY_SECONDS * 0.99, keep_rest=False)
    assert decided == []
    assert steered.rows == 500
    assert steered.controller.is_blind
    assert steered.controller.tight_because == reason


def test_it_is_blind_again_once_its_probes_are_old() -> None:
    steered = Steered()
    steered.feel(0.8, 2.0)
    assert not steered.controller.is_blind
    steered.now += 5
    assert steered.controller.decide(steered.now) is None
    assert steered.controller.tight_because == "too few probes"


def test_a_probe_without_an_answer_counts() -> None:
    steered = Steered()
    decided = steered.controller.decide(steered.now, in_flight_seconds=20 * BUDGET)
    assert decided is not None
    assert decided.factor == 0.25


def test_a_probe_without_an_answer_is_no_overload_while_it_is_young() -> None:
    steered = Steered()
    assert steered.controller.decide(steered.now, in_flight_seconds=1.9 * BUDGET) is None


def test_growth_near_what_was_too_much_is_gentle_for_a_while() -> None:
    before = Steered().feel(0.4, 1.0)[0]
    steered = Steered()
    steered.feel(1.3, 0.5)
    again = next(each for each in steered.feel(0.4, 3.0) if each.factor > 1)
    assert 1 < again.factor < before.factor


def test_where_traffic_is_gone_growth_after_shedding_is_not_gentle() -> None:
    before = Steered().feel(0.0, 1.0)[0]
    steered = Steered()
    steered.feel(1.3, 0.5)
    again = next(each for each in steered.feel(0.0, 3.0) if each.factor > 1)
    assert again.factor == before.factor


def test_a_load_at_the_edge_does_not_make_it_flutter() -> None:
    """What it adds is in proportion to its rows: 1.1 budgets at 2,000."""
    steered, turns, last = Steered(rows=2000), 0, 1.0
    for _ in range(500):
        for decision in steered.feel(1.1 * steered.rows / 2000, EVERY_SECONDS / 2):
            turns += (decision.factor > 1) != (last > 1)
            last = decision.factor
    assert turns <= 2
    assert 500 < steered.rows < 2000


def test_the_first_probes_at_rest_give_way_to_later_ones() -> None:
    """Workers elsewhere may have been at work in the first rest."""
    steered = Steered(at_rest=0)
    for _ in range(10):
        steered.controller.felt.add(Delay(steered.now, 1.0), at_rest=True, is_first=True)
    assert steered.feel(10, 1.0, keep_rest=False)[0].factor > 1, "it knows no better"
    for _ in range(8):
        steered.controller.felt.add(Delay(steered.now, USUAL), at_rest=True)
    assert steered.feel(10, 1.0, keep_rest=False)[0].factor < 1


def test_every_decision_says_why() -> None:
    steered = Steered(rows=1330)
    (less, *_) = steered.feel(1.22, 0.5)
    assert less.reason == f"probe +6.1 ms of 5: less, {steered.rows:,} rows a batch"
    steered = Steered()
    (more, *_) = steered.feel(0.1, 0.5)
    assert re.fullmatch(r"probe \+0\.5 ms of 5: more, [\d,]+ rows a batch", more.reason)

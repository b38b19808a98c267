"""What is compared is of one run; every published figure keeps its bound, and the page shows it."""

import json
from importlib import import_module
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).resolve().parents[2]
MEASUREMENTS = PROJECT / "docs" / "measurements"
NOT_MEASURED = ("matrix",)
PUBLISHED = {
    path.stem: json.loads(path.read_text())
    for path in MEASUREMENTS.glob("*.json")
    if path.stem not in NOT_MEASURED
}
OF_ONE_RUN = ("speed", "resume")
TRAFFIC_RATES = (10, 50, 300, 1_000, 2_500, None)
MISSED = {
    "bookkeeping": {"bookkeeping's share of the processor time"},
    "bursts": {"seconds until a burst is inside the budget"},
    "large": {"seconds of a resume, 95 % done / 5 % done"},
    "slow": {"ms added to p95 with a budget of 2"},
}
"""The page says so, too."""
JUDGED = {
    "speed": 7,
    "traffic": 2 * len(TRAFFIC_RATES),
    "bursts": 2,
    "slow": 4,
    "inserts": 1,
    "bookkeeping": 1,
    "verification": 1,
    "scale": 5,
    "large": 2,
}


@pytest.fixture(autouse=True)
def scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(PROJECT / "scripts")


def runs(part: str, recipe: str) -> list[Any]:
    (found,) = (each for each in PUBLISHED[part]["recipes"] if each["key"] == recipe)
    return list(found["runs"])


def test_the_page_shows_the_figures_as_they_were_measured() -> None:
    page = import_module("benchmark.page.page")
    shown = (MEASUREMENTS / "bench.md").read_text()
    assert shown == page.make_page(page.read_parts(MEASUREMENTS))


@pytest.mark.parametrize("part", PUBLISHED)
def test_every_bound_is_kept_or_named_as_missed(part: str) -> None:
    verdicts = PUBLISHED[part]["verdicts"]
    missed = {judged["what"] for judged in verdicts if not judged["passed"]}
    assert missed == MISSED.get(part, set())
    assert len(verdicts) == JUDGED.get(part, len(verdicts))


def test_what_is_compared_is_of_one_run_of_a_million_rows_and_three_rounds() -> None:
    measured = [PUBLISHED[part] for part in OF_ONE_RUN]
    assert {(one["command"], one["rows"], one["rounds"], one["cores"]) for one in measured} == {
        ("scripts/bench", 1_000_000, 3, 2)
    }
    assert len({one["run_started_at"] for one in measured}) == 1


def test_whatever_wavers_and_is_judged_was_measured_more_often() -> None:
    assert len(runs("speed", "rotate-1")) == len(runs("speed", "rotate-2")) == 6


def test_by_default_it_measures_what_is_published() -> None:
    asked = import_module("benchmark.arguments").parse_arguments([])
    assert set(OF_ONE_RUN) <= set(asked.parts)
    assert (asked.rows, asked.rounds) == (1_000_000, 3)


def test_beside_each_traffic_ours_and_the_loop_met_two_thousand_transactions() -> None:
    measured = PUBLISHED["traffic"]
    assert (measured["rows"], measured["rounds"], measured["cores"]) == (1_000_000, 2, 2)
    assert measured["quiet_seconds"] == 10
    rates = [each["transactions_per_second"] for each in measured["traffic"]]
    assert rates == list(TRAFFIC_RATES)
    for traffic in measured["traffic"]:
        recipes = {one["key"]: one for one in traffic["recipes"]}
        for key in ("rotate-1", "key-ranges"):
            assert min(recipes[key]["transactions"]) >= 2_000
            assert recipes[key]["runs"] >= 2


def test_ours_was_killed_before_it_was_done_and_the_curve_reaches_ten_million_rows() -> None:
    for run in chain(runs("resume", "rotate-1"), runs("resume", "rotate-2")):
        assert run["50"] > 0
        assert run["95"] > 0
    assert PUBLISHED["scale"]["rows"][-1] == 10_000_000

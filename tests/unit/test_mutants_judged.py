"""scripts/mutants counts no failure that a busy machine, or chance, may explain."""

from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
CODE = "token_rotation/somewhere.py"
PASSED = {"code": 0, "failed": {}, "running": ""}
LIMIT_SECONDS = 20.0


def failed(test: str) -> dict[str, Any]:
    return {"code": 1, "failed": {test: "assert False"}, "running": ""}


def ran_out_of_time(test: str) -> dict[str, Any]:
    return {"code": 1, "failed": {}, "running": test}


def passed_in(seconds: float) -> dict[str, Any]:
    return {**PASSED, "seconds": {"slow": seconds}}


class Runs:
    """Stands for a judge: gives answers one after the other, and notes what was run."""

    def __init__(self, *answers: dict[str, Any]) -> None:
        self._answers = iter(answers)
        self.asked: list[tuple[bool, list[str]]] = []

    def run(self, mutant: object, tests: Sequence[str], limits: object) -> dict[str, Any]:
        self.asked.append((mutant is not None, list(tests)))
        return next(self._answers)


class Chosen:
    """Stands for the map of tests."""

    def __init__(self, *tests: str) -> None:
        self._tests = tests
        self.killers: list[str] = []

    def tests_of(self, mutant: object) -> list[str]:
        return list(self._tests)

    def limits(self, tests: Sequence[str]) -> dict[str, float]:
        return dict.fromkeys(tests, LIMIT_SECONDS)

    def killed(self, mutant: object, test: str) -> None:
        self.killers.append(test)


@pytest.fixture
def verdicts(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(f"{SCRIPTS}")
    from mutation import verdict  # noqa: PLC0415  (on no other path)

    return verdict


def fate(verdicts: ModuleType, runs: Runs, chosen: Chosen) -> str:
    mutant = verdicts.Mutant(CODE, "sql/Null", 0, 1, 1, "f", "a", "b")
    found: str = verdicts.judge_one(runs, chosen, mutant).fate.name
    return found


def test_a_failure_counts_when_the_test_fails_again_alone(verdicts: ModuleType) -> None:
    runs, chosen = Runs(failed("b"), failed("b")), Chosen("a", "b")
    assert fate(verdicts, runs, chosen) == "KILLED"
    assert runs.asked == [(True, ["a", "b"]), (True, ["b"])]
    assert chosen.killers == ["b"]


def test_a_failure_by_chance_does_not_count_and_the_others_judge(verdicts: ModuleType) -> None:
    runs, chosen = Runs(failed("b"), PASSED, PASSED), Chosen("a", "b")
    assert fate(verdicts, runs, chosen) == "SURVIVED"
    assert runs.asked[-1] == (True, ["a"])
    assert chosen.killers == []


def test_too_slow_twice_but_not_without_the_change_counts(verdicts: ModuleType) -> None:
    slow = ran_out_of_time("slow")
    runs = Runs(slow, passed_in(LIMIT_SECONDS / 2), slow)
    assert fate(verdicts, runs, Chosen("slow")) == "TIMED_OUT"
    assert [is_changed for is_changed, _ in runs.asked] == [True, False, True]


@pytest.mark.parametrize(
    "unchanged",
    [ran_out_of_time("slow"), failed("slow"), passed_in(LIMIT_SECONDS / 2 + 0.1)],
    ids=["as slow", "fails", "nearly as slow"],
)
def test_a_slow_machine_kills_nothing(verdicts: ModuleType, unchanged: dict[str, Any]) -> None:
    runs = Runs(ran_out_of_time("slow"), unchanged)
    assert fate(verdicts, runs, Chosen("slow")) == "SURVIVED"


def test_what_ends_before_any_test_says_nothing(verdicts: ModuleType) -> None:
    nothing_ran = {"code": None, "failed": {}, "running": ""}
    assert fate(verdicts, Runs(nothing_ran), Chosen("a")) == "BROKEN"


@pytest.mark.parametrize(
    ("noticed", "counting", "low", "high"),
    [(0, 0, 0.0, 100.0), (9, 10, 59.6, 98.2), (95, 100, 88.8, 97.8), (100, 100, 96.3, 100.0)],
)
def test_a_small_sample_says_less_about_all(
    verdicts: ModuleType, noticed: int, counting: int, low: float, high: float
) -> None:
    from mutation import score  # noqa: PLC0415  (on no other path)

    assert score.interval(noticed, counting) == pytest.approx((low, high), abs=0.1)

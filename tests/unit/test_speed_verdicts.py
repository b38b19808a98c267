"""A ratio of two recipes is of runs that lie side by side, however often each of them ran."""

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).resolve().parents[2]
RATES = {  # by round, of a machine that is twice and then three times as fast as at first
    "rotate-1": (100.0, 102.0, 200.0, 204.0, 300.0, 306.0),
    "rotate-python": (70.7, 141.4, 212.1),
}


@pytest.fixture
def speed(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(PROJECT / "scripts")
    return import_module("benchmark.parts.speed")


def test_what_ran_twice_a_round_is_compared_to_what_ran_once_in_the_same_round(speed: Any) -> None:
    runs = {key: [{"rows_per_second": rate} for rate in rates] for key, rates in RATES.items()}
    ratio = speed._ratio(runs, speed.PYTHON_TOKENS, speed.ONE_WORKER)
    assert ratio == pytest.approx(0.7)
    assert speed._ratio(runs, speed.ONE_WORKER, speed.PYTHON_TOKENS) == pytest.approx(1 / 0.7)

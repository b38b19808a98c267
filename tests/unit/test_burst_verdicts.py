"""What a burst of traffic in mid-run is judged by."""

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
SLOW, FAST = [9.0] * 100, [3.0] * 100


@pytest.fixture
def bursts(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(SCRIPTS)
    return import_module("benchmark.parts.beside_traffic.bursts")


@pytest.fixture
def advance(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(SCRIPTS)
    return import_module("benchmark.traffic.advance").Advance("postgresql://", 1_000)


@pytest.mark.parametrize(
    ("windows", "seconds"),
    [
        ([FAST, FAST, FAST], 0.0),
        ([SLOW, FAST, FAST], 0.5),
        ([FAST, SLOW, FAST], 1.0),
        ([FAST, FAST, SLOW], 1.5),
    ],
)
def test_the_budget_is_kept_from_the_window_on_after_which_all_are_inside(
    bursts: Any, windows: list[list[float]], seconds: float
) -> None:
    assert bursts._inside_after([(window,) for window in windows], 2.0) == seconds


@pytest.mark.parametrize(
    ("rates", "seconds"), [([0.9, 1.0], 0.5), ([0.1, 0.7, 0.8], 1.5), ([0.1, 0.2], 1.5)]
)
def test_full_speed_is_reached_at_the_end_of_the_first_fast_window(
    bursts: Any, rates: list[float], seconds: float
) -> None:
    assert bursts._full_speed_after(rates) == seconds


def test_a_rate_is_read_between_the_looks_around_each_moment(advance: Any) -> None:
    advance._seen = [(0.0, 0), (1.0, 100), (2.0, 300), (3.0, 300)]
    assert advance.rate(0.5, 1.5) == 150.0
    assert advance.rate(2.0, 2.5) == 0.0
    assert advance.rate(1.0, 9.0) == 25.0

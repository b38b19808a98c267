"""What the scale curve is judged by; a figure that is missing is no figure that is met."""

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
SMALL, LARGE = 1_000_000, 10_000_000
KEYS = [f"{what}_seconds_at_{percent}" for what in ("resume", "report") for percent in (5, 95)]


@pytest.fixture
def scale(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(SCRIPTS)
    return import_module("benchmark.parts.scale")


def figures(rate: float, **others: float | None) -> dict[str, float | None]:
    return {
        "rows_per_second": rate,
        "independent_rows_per_second": rate,
        "peak_client_memory_bytes": 60e6,
        **dict.fromkeys(KEYS, 0.5),
        **others,
    }


def test_a_curve_that_stays_flat_meets_every_bound(scale: Any) -> None:
    verdicts = scale._verdicts({SMALL: figures(100.0), LARGE: figures(80.0)})
    assert [verdict.passed for verdict in verdicts] == [True] * 5
    assert verdicts[0].figure == 0.8


@pytest.mark.parametrize(
    ("place", "worse"),
    [
        (0, {"rows_per_second": 69.0}),
        (1, {"independent_rows_per_second": 100.0}),
        (2, {"peak_client_memory_bytes": 70e6}),
        (3, {"resume_seconds_at_95": 0.8}),
        (4, {"report_seconds_at_95": 0.8}),
    ],
)
def test_each_bound_can_be_missed(scale: Any, place: int, worse: dict[str, float]) -> None:
    verdicts = scale._verdicts({SMALL: figures(100.0), LARGE: figures(80.0) | worse})
    assert not verdicts[place].passed


@pytest.mark.parametrize("missing", KEYS)
def test_what_could_not_be_timed_is_an_error(scale: Any, missing: str) -> None:
    with pytest.raises(import_module("benchmark.errors").BenchmarkError, match="before the kill"):
        scale._verdicts({SMALL: figures(100.0), LARGE: figures(80.0, **{missing: None})})

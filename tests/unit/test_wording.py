"""Numbers as people read them; 100 % only when it is so."""

import pytest

from token_rotation import wording


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "–"), (0, "0:00:00"), (65, "0:01:05"), (3 * 86400 + 3661, "3 d 1:01:01")],
)
def test_duration(seconds: float | None, text: str) -> None:
    assert wording.duration(seconds) == text


def test_count_names_estimates_and_the_unknown() -> None:
    assert wording.count(1_234_567) == "1,234,567"
    assert wording.count(1_234_567, is_estimate=True) == "about 1,234,567"
    assert wording.count(None) == "–"


def test_one_thing_is_not_several() -> None:
    assert [wording.things(n, "row") for n in (0, 1, 1_234)] == ["0 rows", "1 row", "1,234 rows"]
    assert [wording.things(n, "retry", "retries") for n in (1, 2)] == ["1 retry", "2 retries"]


@pytest.mark.parametrize(
    ("part", "whole", "percent"), [(0, 0, 100.0), (999_999, 1_000_000, 99.99), (1, 3, 33.33)]
)
def test_percent_is_rounded_down(part: int, whole: int, percent: float) -> None:
    assert wording.percent(part, whole) == percent

"""The page about large tables reasons with the figures that were measured, and no others."""

import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = (DOCS / "explanation" / "scale.md").read_text()
MEASURED = json.loads((DOCS / "measurements" / "scale.json").read_text())
LARGE = json.loads((DOCS / "measurements" / "large.json").read_text())
RATIOS = {f"{verdict['figure']:.2f}" for verdict in MEASURED["verdicts"][:2]}


@pytest.mark.parametrize("verdict", MEASURED["verdicts"][:2], ids=lambda verdict: verdict["what"])
def test_each_ratio_of_rates_is_as_measured(verdict: dict[str, Any]) -> None:
    assert f" {verdict['figure']:.2f} " in PAGE


def test_no_other_ratio_is_named() -> None:
    assert set(re.findall(r"(?<![\d.])\d\.\d\d(?!\d)", PAGE)) == RATIOS


def test_the_rates_of_the_large_table_are_as_measured() -> None:
    seconds = list(LARGE["seconds_until_95"].values())
    longest = max(later - earlier for earlier, later in pairwise(seconds))
    assert f" {LARGE['rows_per_second_until_95']:,.0f} rows a second" in PAGE
    assert f"slowest tenth {LARGE['rows'] / 10 / longest:,.0f}" in PAGE
    assert f"needed {LARGE['resume_seconds_at_95']:.0f} s" in PAGE

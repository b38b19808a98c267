"""The page about large tables reasons with the figures that were measured, and no others."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = (DOCS / "explanation" / "scale.md").read_text()
MEASURED = json.loads((DOCS / "measurements" / "scale.json").read_text())
RATIOS = {f"{verdict['figure']:.2f}" for verdict in MEASURED["verdicts"][:2]}


@pytest.mark.parametrize("verdict", MEASURED["verdicts"][:2], ids=lambda verdict: verdict["what"])
def test_each_ratio_of_rates_is_as_measured(verdict: dict[str, Any]) -> None:
    assert f" {verdict['figure']:.2f} " in PAGE


def test_no_other_ratio_is_named() -> None:
    assert set(re.findall(r"(?<![\d.])\d\.\d\d(?!\d)", PAGE)) == RATIOS

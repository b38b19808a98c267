"""The page about large tables reasons with the figures that were measured, and no others."""

import json
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = (DOCS / "scale.md").read_text()


MEASURED = json.loads((DOCS / "measurements" / "scale.json").read_text())


def line(rows: int, figures: dict[str, float | None]) -> str:
    """Of the page's table."""

    def shown(key: str, form: str = ",.0f") -> str:
        figure = figures.get(key)
        return "–" if figure is None else format(figure, form)

    seconds = ("first_batch_seconds", "resume_seconds_at_95", "report_seconds_at_95")
    cells = (
        f"{rows:,}",
        *(shown(key) for key in ("rows_per_second", "wal_bytes_per_row")),
        *(shown(f"independent_{key}") for key in ("rows_per_second", "wal_bytes_per_row")),
        f"{(figures['peak_client_memory_bytes'] or 0) / 1e6:.1f}",
        *(shown(key, ".2f") for key in seconds),
    )
    return f"| {' | '.join(cells)} |"


def test_each_line_of_the_curve_is_as_measured() -> None:
    lines = [line(one["rows"], one["medians"]) for one in MEASURED["sizes"]]
    assert "\n".join(lines) in PAGE


@pytest.mark.parametrize("verdict", MEASURED["verdicts"][:2], ids=lambda verdict: verdict["what"])
def test_each_ratio_of_rates_is_as_measured(verdict: dict[str, Any]) -> None:
    assert f" {verdict['figure']:.2f} " in PAGE

"""The page about large tables reasons with the figures that were measured, and no others."""

import json
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = (DOCS / "scale.md").read_text()


def lines(part: str) -> list[str]:
    measured = json.loads((DOCS / "measurements" / f"{part}.json").read_text())
    return [
        f"| {one['rows']:,} | {figures['rows_per_second']:,.0f} "
        f"| {figures['wal_bytes_per_row']:,.0f} | {figures['peak_client_memory_bytes'] / 1e6:.1f} "
        f"| {seconds(figures, 'first_batch_seconds')} | {seconds(figures, 'resume_seconds_at_95')} "
        f"| {seconds(figures, 'report_seconds_at_95')} |"
        for one in measured["sizes"]
        for figures in [one["medians"]]
    ]


def seconds(figures: dict[str, float | None], key: str) -> str:
    figure = figures.get(key)
    return "–" if figure is None else f"{figure:.2f}"


@pytest.mark.parametrize("part", ["scale", "scale-tuned"])
def test_each_line_of_both_curves_is_as_measured(part: str) -> None:
    assert "\n".join(lines(part)) in PAGE


@pytest.mark.parametrize("part", ["scale", "scale-tuned"])
def test_the_ratio_of_the_rates_is_as_measured(part: str) -> None:
    measured = json.loads((DOCS / "measurements" / f"{part}.json").read_text())
    assert f" {measured['verdicts'][0]['figure']:.2f}" in PAGE
